package store

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/zalando/go-keyring"
	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
)

// metaFormat is the format of store.json and of everything it stands for.
const metaFormat = 1

// meta is store.json: all that must be known before the key is.
type meta struct {
	Format  int       `json:"format"`
	ID      string    `json:"id"` // 16 bytes, hex
	Key     keyParams `json:"key"`
	Wrapped []byte    `json:"wrapped"` // the data key, sealed under the key
}

// keyParams is what it takes to get the key again.
type keyParams struct {
	Kind      string `json:"kind"`
	KDF       string `json:"kdf,omitempty"`
	Time      uint32 `json:"time,omitempty"`
	MemoryKiB uint32 `json:"memoryKiB,omitempty"`
	Threads   uint8  `json:"threads,omitempty"`
	Salt      []byte `json:"salt,omitempty"`
}

// Key is where the key to a store comes from: [KeyFile], [Keyring] or
// [Passphrase].
type Key interface {
	kind() string
	// make chooses the parameters for a new store and makes the key.
	make(dir, id string) (keyParams, []byte, error)
	// get finds the key of an existing one.
	get(dir, id string, p keyParams) ([]byte, error)
}

// KeyFile keeps the key in a file of mode 0600; an empty path is the file "key"
// in the store's directory, which then protects only against whoever gets the
// database without it.
func KeyFile(path string) Key { return keyFile(path) }

type keyFile string

func (keyFile) kind() string { return "file" }

func (k keyFile) path(dir string) string {
	if k == "" {
		return filepath.Join(dir, "key")
	}
	return string(k)
}

func (k keyFile) make(dir, id string) (keyParams, []byte, error) {
	path := k.path(dir)
	if key, err := k.read(path); err == nil || !missing(err) {
		return keyParams{Kind: k.kind()}, key, err // one key file may open several stores
	}
	key := random(32)
	if err := writeFile(path, []byte(hex.EncodeToString(key)+"\n")); err != nil {
		return keyParams{}, nil, err
	}
	return keyParams{Kind: k.kind()}, key, nil
}

func (k keyFile) get(dir, id string, _ keyParams) ([]byte, error) {
	key, err := k.read(k.path(dir))
	if missing(err) {
		return nil, fmt.Errorf("%w: the key file %s is missing", ErrNoKey, k.path(dir))
	}
	return key, err
}

func (keyFile) read(path string) ([]byte, error) {
	fi, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if exposed(fi.Mode()) {
		return nil, fmt.Errorf("%w: others may read %s; run: chmod 600 %s", ErrNoKey, path, path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(key) != 32 {
		return nil, fmt.Errorf("%w: %s does not hold 64 hex digits", ErrNoKey, path)
	}
	return key, nil
}

// Keyring keeps the key in the operating system's keyring (Keychain, Secret
// Service, Credential Manager), under the store's id. Where there is none, Open
// gives ErrNoKey.
func Keyring() Key { return osKeyring{} }

type osKeyring struct{}

const keyringService = "covey"

func (osKeyring) kind() string { return "keyring" }

func (k osKeyring) make(_, id string) (keyParams, []byte, error) {
	key := random(32)
	if err := keyring.Set(keyringService, id, hex.EncodeToString(key)); err != nil {
		return keyParams{}, nil, fmt.Errorf("%w: the keyring refuses: %v", ErrNoKey, err)
	}
	return keyParams{Kind: k.kind()}, key, nil
}

func (osKeyring) get(_, id string, _ keyParams) ([]byte, error) {
	text, err := keyring.Get(keyringService, id)
	if err != nil {
		return nil, fmt.Errorf("%w: the keyring refuses: %v", ErrNoKey, err)
	}
	key, err := hex.DecodeString(text)
	if err != nil || len(key) != 32 {
		return nil, fmt.Errorf("%w: the keyring's entry is not a key", ErrNoKey)
	}
	return key, nil
}

// Passphrase derives the key from words, by Argon2id with RFC 9106's second
// recommendation (3 passes, 64 MiB, 4 lanes): a tenth of a second or so at Open.
func Passphrase(words []byte) Key { return passphrase(words) }

type passphrase []byte

func (passphrase) kind() string { return "passphrase" }

func (k passphrase) make(_, _ string) (keyParams, []byte, error) {
	p := keyParams{Kind: k.kind(), KDF: "argon2id", Time: 3, MemoryKiB: 64 << 10, Threads: 4, Salt: random(16)}
	return p, k.derive(p), nil
}

func (k passphrase) get(_, _ string, p keyParams) ([]byte, error) {
	if p.KDF != "argon2id" {
		return nil, &NewerFormatError{What: "the key derivation " + p.KDF, Have: metaFormat + 1, Read: metaFormat}
	}
	if p.Time < 1 || p.Threads < 1 || p.MemoryKiB > 4<<20 || p.Time > 100 {
		return nil, &CorruptError{What: "store.json", Err: errors.New("key derivation parameters out of range")}
	}
	return k.derive(p), nil
}

func (k passphrase) derive(p keyParams) []byte {
	return argon2.IDKey(k, p.Salt, p.Time, p.MemoryKiB, p.Threads, 32)
}

// readMeta reads store.json and unwraps the data key.
func readMeta(dir string, key Key) (m meta, data []byte, err error) {
	b, err := os.ReadFile(filepath.Join(dir, "store.json"))
	if err != nil {
		return meta{}, nil, err
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return meta{}, nil, &CorruptError{What: "store.json", Err: err}
	}
	if m.Format > metaFormat {
		return meta{}, nil, &NewerFormatError{What: "the store", Have: m.Format, Read: metaFormat}
	}
	if id, err := hex.DecodeString(m.ID); err != nil || len(id) != 16 || m.Format < 1 {
		return meta{}, nil, &CorruptError{What: "store.json"}
	}
	if m.Key.Kind != key.kind() {
		return meta{}, nil, fmt.Errorf("%w: it is kept by %s, not by %s", ErrWrongKey, m.Key.Kind, key.kind())
	}
	kek, err := key.get(dir, m.ID, m.Key)
	if err != nil {
		return meta{}, nil, err
	}
	aead, err := chacha20poly1305.NewX(kek)
	if err != nil {
		return meta{}, nil, err
	}
	if len(m.Wrapped) < aead.NonceSize() {
		return meta{}, nil, &CorruptError{What: "store.json"}
	}
	data, err = aead.Open(nil, m.Wrapped[:aead.NonceSize()], m.Wrapped[aead.NonceSize():], m.additional())
	if err != nil {
		return meta{}, nil, ErrWrongKey
	}
	return m, data, nil
}

// createMeta makes a new store's id and data key, and writes store.json.
func createMeta(dir string, key Key) (m meta, data []byte, err error) {
	m = meta{Format: metaFormat, ID: hex.EncodeToString(random(16))}
	p, kek, err := key.make(dir, m.ID)
	if err != nil {
		return meta{}, nil, err
	}
	m.Key = p
	data = random(32)
	return m, data, writeMeta(dir, &m, kek, data)
}

func writeMeta(dir string, m *meta, kek, data []byte) error {
	aead, err := chacha20poly1305.NewX(kek)
	if err != nil {
		return err
	}
	nonce := random(aead.NonceSize())
	m.Wrapped = aead.Seal(nonce, nonce, data, m.additional())
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, "store.json"), append(b, '\n'))
}

func (m *meta) additional() []byte { return []byte("covey store " + m.ID) }

// Rekey puts a store, which nobody has open, under another key. The rows stay
// as they are: only the wrapping of their key changes.
func Rekey(dir string, from, to Key) error {
	l, err := lock(dir, "rekey")
	if err != nil {
		return err
	}
	defer l.release()
	m, data, err := readMeta(dir, from)
	if err != nil {
		return err
	}
	p, kek, err := to.make(dir, m.ID)
	if err != nil {
		return err
	}
	m.Key = p
	return writeMeta(dir, &m, kek, data)
}

// subkey derives one use's key from the data key.
func subkey(data []byte, use string) []byte {
	k, err := hkdf.Key(sha256.New, data, nil, "covey store "+use, 32)
	if err != nil {
		panic(err) // only for lengths HKDF cannot give
	}
	return k
}

func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// writeFile replaces a file at once: whoever reads finds the old or the new.
func writeFile(path string, b []byte) error {
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	return err
}

// Witness remembers a store's generation somewhere that a restored backup of
// the store does not reach, so that restoring all of it shows. What it says may
// be behind, never ahead.
type Witness interface {
	Generation(store string) (uint64, error) // 0 if it has never heard of it
	Remember(store string, generation uint64) error
}

// WitnessFile keeps the generation in a directory outside of the store's.
func WitnessFile(dir string) Witness { return witnessFile(dir) }

type witnessFile string

func (w witnessFile) Generation(store string) (gen uint64, err error) {
	b, err := os.ReadFile(filepath.Join(string(w), store))
	if missing(err) {
		return 0, nil
	}
	if err == nil {
		_, err = fmt.Sscan(string(b), &gen)
	}
	return gen, err
}

func (w witnessFile) Remember(store string, gen uint64) error {
	if err := os.MkdirAll(string(w), 0o700); err != nil {
		return err
	}
	return writeFile(filepath.Join(string(w), store), fmt.Appendf(nil, "%d\n", gen))
}

// WitnessKeyring keeps the generation in the operating system's keyring.
func WitnessKeyring() Witness { return witnessKeyring{} }

type witnessKeyring struct{}

func (witnessKeyring) Generation(store string) (gen uint64, err error) {
	text, err := keyring.Get(keyringService, store+" generation")
	if errors.Is(err, keyring.ErrNotFound) {
		return 0, nil
	}
	if err == nil {
		_, err = fmt.Sscan(text, &gen)
	}
	return gen, err
}

func (witnessKeyring) Remember(store string, gen uint64) error {
	return keyring.Set(keyringService, store+" generation", fmt.Sprint(gen))
}
