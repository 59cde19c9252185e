package tree

// MaxDepth bounds a tree to 2^20 leaves. The RFC's bound is 2^32; a message
// that builds a million leaves is far past what members can exchange, and node
// indices of 21 bits leave room for a tag in the key index.
const MaxDepth = 20

// bucketSize is how many entries a bucket of the key index holds before it
// splits. Larger buckets cost bytes per commit, smaller ones bytes per member;
// 12 is the measured middle.
const bucketSize = 12
