package tree

// MaxDepth bounds a tree to 2^20 leaves. The RFC's bound is 2^32; a message
// that builds a million leaves is far past what members can exchange, and node
// indices of 21 bits leave room for a tag in the key index.
const MaxDepth = 20

// bucketSize is how many codes a bucket of the key index holds before it
// splits. Larger buckets cost bytes per commit, smaller ones bytes per member;
// 12 is the measured middle.
const bucketSize = 12

// recentSize is how many keys an index keeps beside its trie. It is a few
// commits' worth: rival commits of one parent then cost their path and a
// short list, and the trie is copied for several commits at once.
const recentSize = 64
