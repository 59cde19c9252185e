package session

import (
	"errors"

	"github.com/fxamacker/cbor/v2"
)

// A leaf is a device; people see accounts. The credential of a leaf is a basic
// credential whose identity is a certificate: the account's signature over the
// device's key. A name in it is a claim of the account, not a fact.

// Certificate is an account's word that a device is its own.
type Certificate struct {
	Version   uint8   `cbor:"1,keyasint"`
	Account   Account `cbor:"2,keyasint"`
	Device    Device  `cbor:"3,keyasint"`
	Name      string  `cbor:"4,keyasint,omitempty"`
	Signature []byte  `cbor:"5,keyasint,omitempty"`
}

const (
	certificateVersion = 1
	certificateLabel   = "covey device"
)

// ErrCertificate says that a credential is not an account's word for a device.
var ErrCertificate = errors.New("session: not a valid device certificate")

// Certify makes the certificate by which the account of accountSecret vouches
// for device under the given display name.
func Certify(e Engine, accountSecret []byte, device Device, name string) ([]byte, error) {
	c := Certificate{Version: certificateVersion, Account: e.Public(accountSecret), Device: device, Name: name}
	if len(name) > maxNameBytes {
		return nil, ErrCertificate
	}
	c.Signature = e.Sign(accountSecret, certificateLabel, encode(c))
	return encode(c), nil
}

// ReadCertificate checks a certificate against the device key of its leaf.
func ReadCertificate(e Engine, b []byte, device Device) (Certificate, error) {
	var c Certificate
	if len(b) > maxCertificateBytes || decode(b, &c) != nil {
		return Certificate{}, ErrCertificate
	}
	signature := c.Signature
	c.Signature = nil
	ok := c.Version == certificateVersion && c.Device == device && len(c.Name) <= maxNameBytes &&
		e.Verify(c.Account, certificateLabel, encode(c), signature)
	if !ok {
		return Certificate{}, ErrCertificate
	}
	c.Signature = signature
	return c, nil
}

// NewIdentity makes the identity of a device of an account; both secrets are
// signature secrets of the engine.
func NewIdentity(e Engine, accountSecret, deviceSecret []byte, name string) (Identity, error) {
	device := Device(e.Public(deviceSecret))
	cert, err := Certify(e, accountSecret, device, name)
	if err != nil {
		return Identity{}, err
	}
	return Identity{Account: e.Public(accountSecret), Device: device, Certificate: cert, Secret: deviceSecret}, nil
}

// The codec of everything of ours: deterministic CBOR (RFC 8949 §4.2.1), read
// strictly: no duplicate keys, no indefinite lengths, bounded sizes.
var (
	encMode = must(cbor.CoreDetEncOptions().EncMode())
	decMode = must(cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		MaxNestedLevels:  8,
		MaxArrayElements: maxArray,
		MaxMapPairs:      maxMapPairs,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// encode cannot fail: every type of ours can be encoded.
func encode(v any) []byte { return must(encMode.Marshal(v)) }

func decode(b []byte, v any) error { return decMode.Unmarshal(b, v) }
