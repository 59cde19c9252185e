// Package consensus decides which commit is the next epoch; it knows no MLS
// and no bytes.
package consensus
