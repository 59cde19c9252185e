// Package report writes the folder of a run: what happened, what held, the
// numbers, the pictures, and the one line that does it again.
//
//	manifest.json   script and its hash, seed, parameters, versions, machine, prices
//	events.jsonl    the trace, one event a line, written while the run goes on
//	script.txt      every verb with its time: a transcript that replays
//	metrics.csv     the state of the groups and the network, each second
//	summary.json    checks, measures, drawn groups
//	fig/*.svg       the space-time diagram, and states and bytes over time
//	report.html     all of it in one file, with the diagram to scrub through
//	REPLAY          the command line that reproduces the run
//
// viewer/ is the part of a page that shows a run. The report carries it inside
// itself; the node's own page serves the same files.
//
// A run is told twice: by Narrate, for reading, with sections and with epochs by
// their prints; and by the page, which works on a bare trace opened from a disk, in
// half a line an event and with epochs named as its lanes name them. One telling for
// both would need the lanes' names in the trace's sentences or its prints in the
// lanes, and be longer than the thirty lines it saves. What they must agree on, which
// rival is followed and why, is the session's own sentence in both.
package report
