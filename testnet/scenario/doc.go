// Package scenario runs scenario files: Starlark scripts that say what a
// network of covey nodes goes through, and what must hold.
//
// A file sets META and defines main(w):
//
//	META = {"name": "split-brain", "about": "…", "until": "2m"}
//
//	def main(w):
//	    nodes = w.nodes(6)
//	    g = nodes[0].create_group("lab", nodes[1:])
//	    w.wait(g.converged, timeout = "60s")
//	    w.partition(nodes[:3], nodes[3:])
//	    nodes[0].commit(g, refresh())
//	    nodes[3].commit(g, refresh())
//	    w.wait("10s")
//	    w.heal()
//	    w.eventually(g.converged, within = "30s")
//
// The same file runs on the pure simulator, where a seed fixes everything, and
// on real nodes on loopback, where only what is expected is compared. Starlark
// has no clock, no files and no chance of its own: all of those come through w,
// and a step limit stops a script that runs away, naming the line.
//
// # Walk
//
// load.go reads a file and finds META and main. run.go makes a stage, calls
// main, lets time pass until META's until, and gathers the outcome. world.go is
// w, node.go the nodes and groups, words.go the values a script makes of
// them: changes, distributions. check.go holds never, eventually and the measures.
// sweep.go runs a file many times, compare.go puts the runs side by side, shrink.go
// finds the least that still fails, record.go writes a file of what was done by hand.
package scenario
