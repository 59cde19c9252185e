package tree

import (
	"fmt"
	"strings"
)

// Invalid is a check that failed: the tree, leaf or path breaks RFC 9420 for
// everybody who holds the same epoch. It carries no secret.
type Invalid struct {
	Check string    // "V-<section>-<what>", one of the constants below
	Node  NodeIndex // the node it is about
	Err   error     // the cause below, may be nil
}

// The checks of this package, named by the section that asks for them.
const (
	CheckDecode          = "V-2.1-decode"
	CheckPublicKey       = "V-5.1.1-public-key"          // bytes are no HPKE key of the suite
	CheckOwnCredential   = "V-7.2-own-credential"        // credential type not in own capabilities
	CheckLifetimeTotal   = "V-7.2-lifetime-total"        // lifetime longer than the application allows
	CheckLeafVersion     = "V-7.2-version"               // protocol version not supported
	CheckLeafSignature   = "V-7.3-signature"             //
	CheckRequired        = "V-7.3-required-capabilities" //
	CheckCredentialType  = "V-7.3-credential-type"       // a type in use that some member does not support
	CheckLifetime        = "V-7.3-lifetime"              //
	CheckLeafExtensions  = "V-7.3-extensions"            // own extension not in own capabilities
	CheckLeafSource      = "V-7.3-source"                //
	CheckUpdateKey       = "V-7.3-update-key"            // Update that keeps the encryption key
	CheckSignatureKey    = "V-7.3-unique-signature-key"  //
	CheckEncryptionKey   = "V-7.3-unique-encryption-key" //
	CheckPathDecrypt     = "V-7.5-path-decrypt"          //
	CheckPathKey         = "V-7.5-path-key"              // derived public key differs from the published
	CheckPathParentHash  = "V-7.5-parent-hash"           //
	CheckPathLength      = "V-7.6-path-length"           //
	CheckPathCiphertexts = "V-7.6-ciphertexts"           //
	CheckParentHash      = "V-7.9.2-parent-hash"         //
	CheckRemoveLeaf      = "V-12.1.3-leaf"               // blank, or outside the tree
	CheckPathLeafKey     = "V-12.4.2-leaf-key"           // path keeps the committer's encryption key
	CheckPathKeys        = "V-12.4.2-path-keys"          // path key already in the tree
	CheckUnmerged        = "V-12.4.3.1-unmerged-leaf"    //
	CheckUnmergedBetween = "V-12.4.3.1-unmerged-between" //
	CheckParentKey       = "V-12.4.3.1-parent-key"       // parent's key in another node
	CheckJoinPathKey     = "V-12.4.3.1-path-key"         // path secret of a Welcome gives other keys
	CheckShape           = "V-12.4.3.3-tree"             // ratchet_tree extension malformed
	CheckDuplicateExt    = "V-13.4-duplicate-extension"  //
	CheckGroupExtension  = "V-13.4-group-extension"      // leaf does not support an extension in use
)

func invalid(check string, at NodeIndex) *Invalid { return &Invalid{Check: check, Node: at} }

// Section is the section of RFC 9420 that asks for the check.
func (e *Invalid) Section() string {
	_, rest, _ := strings.Cut(e.Check, "-")
	section, _, _ := strings.Cut(rest, "-")
	return section
}

func (e *Invalid) Error() string {
	place := fmt.Sprintf("node %d", e.Node)
	if e.Node.IsLeaf() {
		place = fmt.Sprintf("leaf %d", e.Node.Leaf())
	}
	if e.Err != nil {
		return fmt.Sprintf("tree: %s at %s: %v", e.Check, place, e.Err)
	}
	return fmt.Sprintf("tree: %s at %s", e.Check, place)
}

func (e *Invalid) Unwrap() error { return e.Err }
