package sim

import "time"

// A virtual clock charges nothing for computing, so a curve drawn from it would
// be a flat lie. Cost is what each operation takes on a given machine; a node
// is busy for that long, and what arrives meanwhile waits.

// Op is an operation of the engine that costs time.
type Op uint8

const (
	OpCreate Op = iota
	OpJoin
	OpCommit
	OpApply
	OpProtect
	OpUnprotect
	OpSign
	OpVerify
	OpSeal
	OpOpen
	OpPackage // make or check a key package
	OpExport
	OpRestore
	opCount
)

var opNames = [opCount]string{"create", "join", "commit", "apply", "protect", "unprotect",
	"sign", "verify", "seal", "open", "package", "export", "restore"}

func (o Op) String() string { return opNames[o] }

// Price is what one operation takes: Base, and more for each member of the
// group and each byte it handles.
type Price struct{ Base, PerMember, PerByte time.Duration }

// Cost is a table of prices. Its zero value charges nothing.
type Cost [opCount]Price

// MeasuredCost is meant to be what package mls takes. Its numbers are estimates
// still, of the right order: no curve drawn from them is a measurement.
var MeasuredCost = Cost{
	OpCreate:    {Base: 200 * time.Microsecond},
	OpJoin:      {Base: 400 * time.Microsecond, PerMember: 120 * time.Microsecond},
	OpCommit:    {Base: 400 * time.Microsecond, PerMember: 20 * time.Microsecond},
	OpApply:     {Base: 300 * time.Microsecond, PerMember: 3 * time.Microsecond},
	OpProtect:   {Base: 30 * time.Microsecond, PerByte: time.Nanosecond},
	OpUnprotect: {Base: 60 * time.Microsecond, PerByte: time.Nanosecond},
	OpSign:      {Base: 20 * time.Microsecond},
	OpVerify:    {Base: 50 * time.Microsecond},
	OpSeal:      {Base: time.Microsecond, PerByte: time.Nanosecond},
	OpOpen:      {Base: time.Microsecond, PerByte: time.Nanosecond},
	OpPackage:   {Base: 120 * time.Microsecond},
	OpExport:    {Base: 2 * time.Microsecond},
	OpRestore:   {Base: 50 * time.Microsecond, PerMember: 2 * time.Microsecond},
}

// Scaled is the table of a machine that is factor times as slow.
func (c Cost) Scaled(factor float64) Cost {
	for i := range c {
		p := &c[i]
		p.Base = time.Duration(float64(p.Base) * factor)
		p.PerMember = time.Duration(float64(p.PerMember) * factor)
		p.PerByte = time.Duration(float64(p.PerByte) * factor)
	}
	return c
}
