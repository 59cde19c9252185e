package mls

import (
	"maps"
	"slices"
	"strings"
)

// Check names one validation. The name holds the RFC 9420 section that asks
// for it: V-<section>-<what>. Each has a row in registry and at least one in
// checks_test.go, where otherwise valid input is broken in that one way.
type Check string

// Section 2 to 6: encoding and framing.
const (
	CheckDecode         Check = "V-2.1-decode"
	CheckVarint         Check = "V-2.1.2-varint"
	CheckReference      Check = "V-5.2-reference"
	CheckCredential     Check = "V-5.3.1-credential"
	CheckSuccessor      Check = "V-5.3.1-successor"
	CheckExternalAuth   Check = "V-5.3.1-external-sender"
	CheckCertificate    Check = "V-5.3-certificate-key"
	CheckVersion        Check = "V-6-version"
	CheckWireFormat     Check = "V-6-wire-format"
	CheckGroup          Check = "V-6-group"
	CheckEpoch          Check = "V-6-epoch"
	CheckSignature      Check = "V-6.1-signature"
	CheckSenderContent  Check = "V-6.1-sender-content"
	CheckSenderIndex    Check = "V-6.1-sender-index"
	CheckSenderLeaf     Check = "V-6.1-sender-leaf"
	CheckOwnMessage     Check = "V-6.1-own-message"
	CheckMembershipTag  Check = "V-6.2-membership-tag"
	CheckPublicContent  Check = "V-6.2-application"
	CheckDecrypt        Check = "V-6.3.1-decrypt"
	CheckPadding        Check = "V-6.3.1-padding"
	CheckSenderData     Check = "V-6.3.2-sender-data"
	CheckSenderDataLeaf Check = "V-6.3.2-sender-leaf"
)

// Section 7: leaves, the tree, update paths.
const (
	CheckLifetimeTotal  Check = "V-7.2-lifetime-total"
	CheckLeafCredential Check = "V-7.2-own-credential"
	CheckLeafVersion    Check = "V-7.2-version"
	CheckLeafSignature  Check = "V-7.3-signature"
	CheckRequired       Check = "V-7.3-required-capabilities"
	CheckCredentialType Check = "V-7.3-credential-type"
	CheckLifetime       Check = "V-7.3-lifetime"
	CheckLeafExtensions Check = "V-7.3-extensions"
	CheckLeafSource     Check = "V-7.3-source"
	CheckUpdateKey      Check = "V-7.3-update-key"
	CheckSignatureKey   Check = "V-7.3-unique-signature-key"
	CheckEncryptionKey  Check = "V-7.3-unique-encryption-key"
	CheckPathDecrypt    Check = "V-7.5-path-decrypt"
	CheckPathKey        Check = "V-7.5-path-key"
	CheckPathParentHash Check = "V-7.5-parent-hash"
	CheckPathLength     Check = "V-7.6-path-length"
	CheckPathCount      Check = "V-7.6-ciphertexts"
	CheckParentHash     Check = "V-7.9.2-parent-hash"
)

// Section 8 to 11: secrets, key packages, new groups from old.
const (
	CheckConfirmationTag Check = "V-8.2-confirmation-tag"
	CheckExternalInit    Check = "V-8.3-external-init"
	CheckReplay          Check = "V-9.2-replay"
	CheckPackageVersion  Check = "V-10-version"
	CheckPackageExt      Check = "V-10-extensions"
	CheckPackageSuite    Check = "V-10.1-suite"
	CheckPackageSig      Check = "V-10.1-signature"
	CheckPackageInitKey  Check = "V-10.1-init-key"
	CheckReInitWelcome   Check = "V-11.2-welcome"
	CheckReInitMembers   Check = "V-11.2-members"
	CheckBranchWelcome   Check = "V-11.3-welcome"
	CheckBranchMembers   Check = "V-11.3-members"
)

// Section 12.1 and 12.2: proposals and lists of them.
const (
	CheckUpdateSender      Check = "V-12.1.2-sender"
	CheckRemoveLeaf        Check = "V-12.1.3-leaf"
	CheckPSKUsage          Check = "V-12.1.4-usage"
	CheckPSKNonce          Check = "V-12.1.4-nonce"
	CheckPSKMissing        Check = "V-12.4.2-psk"
	CheckReInitVersion     Check = "V-12.1.5-version"
	CheckGroupExtensions   Check = "V-12.1.7-required-capabilities"
	CheckExternalProposal  Check = "V-12.1.8-proposal-type"
	CheckNewMemberProposal Check = "V-12.1.8-new-member"
	CheckCommitterUpdate   Check = "V-12.2-committer-update"
	CheckCommitterRemove   Check = "V-12.2-committer-remove"
	CheckSameLeaf          Check = "V-12.2-same-leaf"
	CheckSameClient        Check = "V-12.2-same-client"
	CheckClientInGroup     Check = "V-12.2-client-in-group"
	CheckDuplicatePSK      Check = "V-12.2-duplicate-psk"
	CheckOneExtensions     Check = "V-12.2-one-group-context-extensions"
	CheckReInitAlone       Check = "V-12.2-reinit-alone"
	CheckNoExternalInit    Check = "V-12.2-external-init"
	CheckProposalType      Check = "V-12.2-proposal-type"
	CheckExternalOneInit   Check = "V-12.2-external-one-init"
	CheckExternalRemove    Check = "V-12.2-external-remove"
	CheckExternalOther     Check = "V-12.2-external-other"
)

// Section 12.4 and on: commits, joins, extensions, the ratchets' bounds.
const (
	CheckPathRequired      Check = "V-12.4-path-required"
	CheckPathLeafKey       Check = "V-12.4.2-leaf-key"
	CheckPathUnique        Check = "V-12.4.2-path-keys"
	CheckFrozen            Check = "V-12.4.2-frozen"
	CheckRemoved           Check = "V-12.4.2-removed"
	CheckSignerLeaf        Check = "V-12.4.3-signer"
	CheckGroupInfoSig      Check = "V-12.4.3-signature"
	CheckInfoTag           Check = "V-12.4.3-confirmation-tag"
	CheckNotForMe          Check = "V-12.4.3.1-new-member"
	CheckWelcomeSuite      Check = "V-12.4.3.1-suite"
	CheckGroupSecrets      Check = "V-12.4.3.1-group-secrets"
	CheckGroupInfoDecrypt  Check = "V-12.4.3.1-group-info"
	CheckWelcomePSK        Check = "V-12.4.3.1-psk"
	CheckKnownGroup        Check = "V-12.4.3.1-group-id"
	CheckTreeHash          Check = "V-12.4.3.1-tree-hash"
	CheckUnmerged          Check = "V-12.4.3.1-unmerged-leaf"
	CheckUnmergedMonotone  Check = "V-12.4.3.1-unmerged-between"
	CheckParentKey         Check = "V-12.4.3.1-parent-key"
	CheckOwnLeaf           Check = "V-12.4.3.1-own-leaf"
	CheckJoinPathKey       Check = "V-12.4.3.1-path-key"
	CheckJoinTag           Check = "V-12.4.3.1-confirmation-tag"
	CheckExternalPath      Check = "V-12.4.3.2-path"
	CheckExternalReference Check = "V-12.4.3.2-reference"
	CheckExternalPub       Check = "V-12.4.3.2-external-pub"
	CheckTreeShape         Check = "V-12.4.3.3-tree"
	CheckTreeMissing       Check = "V-12.4.3.3-tree-missing"
	CheckDuplicateExt      Check = "V-13.4-duplicate-extension"
	CheckGroupExtSupport   Check = "V-13.4-group-extension"
	CheckJoinerExtensions  Check = "V-13.4-joiner"
	CheckAEADLimit         Check = "V-15.2-aead-limit"
	CheckForward           Check = "V-15.3-forward"
	CheckErased            Check = "V-9.2-erased"
	CheckOpen              Check = "V-5.1.3-open"
	CheckPublicKey         Check = "V-5.1.1-public-key"
	CheckNotMember         Check = "V-12.4.3-not-member"
	CheckStored            Check = "V-9.2-stored"
	CheckArgument          Check = "V-12.4.1-argument"
)

type rule struct {
	class error
	says  string
}

// registry says of each check whom its failure concerns and what it means.
var registry = map[Check]rule{
	CheckDecode:            {ErrInvalid, "the bytes are not an object of the protocol"},
	CheckVarint:            {ErrInvalid, "a length header has a reserved or non-minimal form"},
	CheckReference:         {ErrMissing, "the commit refers to a proposal that is not at hand"},
	CheckCredential:        {ErrUnauthorized, "the credential is not accepted"},
	CheckSuccessor:         {ErrUnauthorized, "the credential may not replace the one before it"},
	CheckExternalAuth:      {ErrUnauthorized, "the credential of an external sender is not accepted"},
	CheckCertificate:       {ErrInvalid, "the certificate is not of the leaf's signature key"},
	CheckVersion:           {ErrInvalid, "the protocol version is not mls10"},
	CheckWireFormat:        {ErrInvalid, "the wire format is unknown or of no use here"},
	CheckGroup:             {ErrWrongGroup, "the message is of another group"},
	CheckEpoch:             {ErrWrongEpoch, "the message is of another epoch"},
	CheckSignature:         {ErrInvalid, "the signature is not the sender's"},
	CheckSenderContent:     {ErrInvalid, "a sender of this type may not send such content"},
	CheckSenderIndex:       {ErrInvalid, "the external sender is not in the group's extensions"},
	CheckSenderLeaf:        {ErrInvalid, "the sender's leaf is blank"},
	CheckOwnMessage:        {ErrOwn, "the message is this member's own"},
	CheckMembershipTag:     {ErrInvalid, "the membership tag is wrong"},
	CheckPublicContent:     {ErrInvalid, "application data is not encrypted"},
	CheckDecrypt:           {ErrInvalid, "the content cannot be decrypted"},
	CheckPadding:           {ErrInvalid, "the padding is not all zero"},
	CheckSenderData:        {ErrInvalid, "the sender data cannot be decrypted"},
	CheckSenderDataLeaf:    {ErrInvalid, "the sender data name a blank leaf"},
	CheckLifetimeTotal:     {ErrInvalid, "the lifetime is longer than the application accepts"},
	CheckLeafCredential:    {ErrInvalid, "the leaf does not list its own credential type"},
	CheckLeafVersion:       {ErrInvalid, "the leaf does not support the protocol version"},
	CheckLeafSignature:     {ErrInvalid, "the signature of the leaf is not its key's"},
	CheckRequired:          {ErrInvalid, "the leaf lacks a capability that the group requires"},
	CheckCredentialType:    {ErrInvalid, "a credential type in use is not supported by all members"},
	CheckLifetime:          {ErrInvalid, "the current time is outside the lifetime"},
	CheckLeafExtensions:    {ErrInvalid, "the leaf does not support an extension of its own"},
	CheckLeafSource:        {ErrInvalid, "the leaf has the wrong source for its place"},
	CheckUpdateKey:         {ErrInvalid, "the update does not change the encryption key"},
	CheckSignatureKey:      {ErrInvalid, "the signature key is in the group already"},
	CheckEncryptionKey:     {ErrInvalid, "the encryption key is in the group already"},
	CheckPathDecrypt:       {ErrPath, "the path secret cannot be decrypted"},
	CheckPathKey:           {ErrPath, "the path secret does not give the published key"},
	CheckPathParentHash:    {ErrInvalid, "the parent hash of the path's leaf is wrong"},
	CheckPathLength:        {ErrInvalid, "the path does not have one node for each of the filtered direct path"},
	CheckPathCount:         {ErrInvalid, "the path does not have one ciphertext for each node of a resolution"},
	CheckParentHash:        {ErrInvalid, "a parent node is not covered by exactly one chain of parent hashes"},
	CheckConfirmationTag:   {ErrInvalid, "the confirmation tag is wrong"},
	CheckExternalInit:      {ErrInvalid, "the KEM output of the external init is malformed"},
	CheckReplay:            {ErrReplay, "the key of this generation has been used"},
	CheckPackageVersion:    {ErrInvalid, "the version of the key package is not the message's"},
	CheckPackageExt:        {ErrArgument, "the leaf does not support an extension of the key package"},
	CheckPackageSuite:      {ErrInvalid, "the key package has another version or cipher suite than the group"},
	CheckPackageSig:        {ErrInvalid, "the signature of the key package is not its leaf's"},
	CheckPackageInitKey:    {ErrInvalid, "the init key is the encryption key, or no key"},
	CheckReInitWelcome:     {ErrInvalid, "the new group is not the one that the ReInit announced"},
	CheckReInitMembers:     {ErrInvalid, "a member of the old group is not in the new one"},
	CheckBranchWelcome:     {ErrInvalid, "the new group is not a branch of the old one"},
	CheckBranchMembers:     {ErrInvalid, "a member of the branch is not in the old group"},
	CheckUpdateSender:      {ErrInvalid, "an update does not come from a member"},
	CheckRemoveLeaf:        {ErrInvalid, "the leaf to remove is blank"},
	CheckPSKUsage:          {ErrInvalid, "a resumption secret is used outside its purpose"},
	CheckPSKNonce:          {ErrInvalid, "the nonce of a pre-shared key has the wrong length"},
	CheckPSKMissing:        {ErrMissing, "a pre-shared key is not at hand"},
	CheckReInitVersion:     {ErrInvalid, "a ReInit would lower the version"},
	CheckGroupExtensions:   {ErrInvalid, "the group would require what a member does not support"},
	CheckExternalProposal:  {ErrInvalid, "an external sender may not propose this"},
	CheckNewMemberProposal: {ErrInvalid, "a newcomer may propose only to be added itself"},
	CheckCommitterUpdate:   {ErrInvalid, "the commit covers an update of the committer"},
	CheckCommitterRemove:   {ErrInvalid, "the commit removes the committer"},
	CheckSameLeaf:          {ErrInvalid, "two proposals change the same leaf"},
	CheckSameClient:        {ErrInvalid, "two proposals add the same client"},
	CheckClientInGroup:     {ErrInvalid, "the added client is in the group already"},
	CheckDuplicatePSK:      {ErrInvalid, "two proposals name the same pre-shared key"},
	CheckOneExtensions:     {ErrInvalid, "two proposals replace the group's extensions"},
	CheckReInitAlone:       {ErrInvalid, "a ReInit does not stand alone"},
	CheckNoExternalInit:    {ErrInvalid, "a member's commit holds an external init"},
	CheckProposalType:      {ErrInvalid, "a proposal's type is not supported by all members"},
	CheckExternalOneInit:   {ErrInvalid, "an external commit does not hold exactly one external init"},
	CheckExternalRemove:    {ErrInvalid, "an external commit removes more than one leaf"},
	CheckExternalOther:     {ErrInvalid, "an external commit holds a proposal that it may not"},
	CheckPathRequired:      {ErrInvalid, "the commit lacks the path that its proposals require"},
	CheckPathLeafKey:       {ErrInvalid, "the path does not change the committer's encryption key"},
	CheckPathUnique:        {ErrInvalid, "a key of the path is in the tree already"},
	CheckFrozen:            {ErrState, "the group has been closed by a ReInit"},
	CheckRemoved:           {ErrState, "this member has been removed"},
	CheckSignerLeaf:        {ErrInvalid, "the signer of the group info is a blank leaf"},
	CheckGroupInfoSig:      {ErrInvalid, "the signature of the group info is not its signer's"},
	CheckInfoTag:           {ErrInvalid, "the confirmation tag of the group info is not as long as the suite's MACs"},
	CheckNotForMe:          {ErrInvalid, "the welcome is not for this key package"},
	CheckWelcomeSuite:      {ErrInvalid, "key package, welcome and group info differ in version or cipher suite"},
	CheckGroupSecrets:      {ErrInvalid, "the group secrets cannot be decrypted"},
	CheckGroupInfoDecrypt:  {ErrInvalid, "the group info cannot be decrypted"},
	CheckWelcomePSK:        {ErrInvalid, "the welcome mixes resumption secrets of reinit or branch"},
	CheckKnownGroup:        {ErrInvalid, "this client is in a group of that id already"},
	CheckTreeHash:          {ErrInvalid, "the tree is not the one that the group info names"},
	CheckUnmerged:          {ErrInvalid, "an unmerged leaf is blank, out of order, or not below its parent"},
	CheckUnmergedMonotone:  {ErrInvalid, "an unmerged leaf is missing between its parent and the leaf"},
	CheckParentKey:         {ErrInvalid, "two nodes have the same encryption key"},
	CheckOwnLeaf:           {ErrInvalid, "the leaf of the key package is not in the tree"},
	CheckJoinPathKey:       {ErrInvalid, "the path secret of the welcome does not give the keys of the tree"},
	CheckJoinTag:           {ErrInvalid, "the confirmation tag of the group info is wrong"},
	CheckExternalPath:      {ErrInvalid, "an external commit has no path"},
	CheckExternalReference: {ErrInvalid, "an external commit refers to a proposal"},
	CheckExternalPub:       {ErrInvalid, "the group info has no usable external key"},
	CheckTreeShape:         {ErrInvalid, "the ratchet tree does not end in a node, or is malformed"},
	CheckTreeMissing:       {ErrMissing, "the ratchet tree is neither in the message nor given"},
	CheckDuplicateExt:      {ErrInvalid, "a list of extensions has two of one type"},
	CheckGroupExtSupport:   {ErrInvalid, "a leaf does not support an extension of the group"},
	CheckJoinerExtensions:  {ErrInvalid, "this client does not support an extension of the group"},
	CheckAEADLimit:         {ErrState, "the keys of this epoch have sealed as much as is safe"},
	CheckForward:           {ErrTooFarAhead, "the generation is too far ahead"},
	CheckErased:            {ErrState, "the secrets of this epoch have been erased"},
	CheckOpen:              {ErrInvalid, "the bytes cannot be decrypted"},
	CheckPublicKey:         {ErrInvalid, "the bytes are no public key of the suite"},
	CheckNotMember:         {ErrState, "this client is not a member"},
	CheckStored:            {ErrState, "stored state is damaged, or of another version"},
	CheckArgument:          {ErrArgument, "the caller's arguments make no sense"},
}

// Checks lists every check, sorted.
func Checks() []Check {
	return slices.Sorted(maps.Keys(registry))
}

// Class is what a caller does next: one of the errors of this package.
func (c Check) Class() error { return registry[c].class }

// Says is the failure as a clause.
func (c Check) Says() string { return registry[c].says }

// section is the part of the name between V- and the last hyphen group.
func (c Check) section() string {
	_, rest, _ := strings.Cut(string(c), "-")
	section, _, _ := strings.Cut(rest, "-")
	return section
}
