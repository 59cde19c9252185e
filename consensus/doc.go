// Package consensus decides which commit is the next epoch; it knows no MLS
// and no bytes.
//
// Members of a group have no server to order their commits, so two may commit
// on one epoch at once, and a network that parts may let two sides go on for
// days. Every member keeps a tree: a node is a state of the group (an epoch), an
// edge is a commit, and each commit has one parent. This package says which
// path of the tree the group is on. It reads what members signed, and nothing
// else: all who hold the same commits, votes and evidence say the same.
//
// # The rule
//
// Start at the root. Of the commits on the epoch you are at, take the best; go
// on from there, to the end. A is better than B if
//
//  1. more accounts weigh on it (weight.go); or, where that is equal,
//  2. it is first in rank (rank.go).
//
// So two branches are compared where they part, by their first commits and
// nothing below but who stands there. Length is not an input.
//
// Rank compares, from the top, until one differs:
//
//  1. Class. A commit that removes another account's leaf; then one that
//     changes the group (adds, settings, roles, PSKs); then maintenance; then
//     an external resync; then an external join.
//  2. Role, of the author in the parent, and only between two removals: owner
//     before admin before member.
//  3. Slot. The place of the author's leaf when the parent's occupied leaves
//     are sorted by SHA-256("covey slot v1" ‖ genesis ‖ epoch number ‖ leaf).
//     External committers come after all.
//  4. The EpochID the commit leads to; the lower wins. Only two commits by one
//     leaf, or two external ones, get this far.
//
// Weight of a commit on p is how many of p's electors weigh on it. The electors
// are all accounts in p, or those its policy names; above 64, the 64 whose
// leaves are drawn first for the term of 64 epochs p lies in (Committee). An
// account counts once, however many devices it has, and whoever joined below p
// does not count at p. Where an account weighs is found thus (vote.go):
//
//  1. A vote names the epoch its account holds to be the head. It can count if
//     the account is in that epoch and its sequence number is one of that
//     height's: for number h, from 4h up to 4(h+9)-1.
//  2. Of those, the one with the highest sequence number decides; between
//     devices that drew the same, the higher device key. What it names is the
//     account's base; without any, the base is the root.
//  3. The account weighs on all commits that lead to its base. Below its base
//     its own commits speak: at an epoch p there, it weighs on the child that
//     all its commits below p lead through, if there is one.
//  4. An account convicted by Evidence weighs nowhere.
//
// A commit known only by its signed header weighs like any other but cannot be
// entered. Best is where the rule leads; Head is where it leads with such
// commits left out, and so where this member is. They differ while something
// has to be fetched, or for good where a state cannot be reached from here:
// Diverged says so.
//
// Valid is what the caller found valid on the parent, from the parent's state
// alone, and what the cool-down allows: in a group of n accounts, three or
// more, an account makes no maintenance commit if one of the last min(n-1, 8)
// commits before it on that branch is a maintenance commit of its own, unless
// it carries what another account asked for.
//
// # What an attacker gains, rung by rung
//
// Weight. One account, one voice, wherever it is put: k colluders move the head
// only between branches that differ by less than their number. A branch made in
// private weighs what its authors weigh; with one vote more on the other, no
// length of it wins (B1, B2). Before anybody has voted all first commits weigh
// one, their author's, and rank decides: that is the second or so in which to
// strike, and the reason why members vote soon and hold Welcomes until then.
// Devices and joiners add nothing (B13). A majority of the electors can do
// anything, keep itself in the group included (R7); where the group's policy
// does not want that, it names other electors.
//
// Turns. Accounts on the fence may swing between two even halves. At one height
// an account has 4 × (8+1) = 36 votes and each further height gives 4 more, so
// swinging ends: the test of B7 holds eight members apart with four liars for
// 18 rounds, until each liar has spent 36 votes. Two contents under one number
// would do it with fewer, and convict.
//
// Evidence. To be convicted on purpose takes one's weight away once: no more
// than moving it would. It never voids a commit; that would be a late
// reorganisation for free.
//
// Class. Who may remove can win any race nobody has voted in, which is what the
// removal of an intruder needs and what a hostile admin gets as well: give few
// that right. Removing oneself or one's own devices is not class 0.
//
// Role. Between two removals the higher role stays in. Equal roles come to the
// slot: an admin removed by an equal can strike back in the same second, and
// the one whose slot is lower has it.
//
// Slot. Nothing a committer can re-roll is in the hash: not the commit, nor its
// nonces, nor a signature key (B8: 100,000 tries, no change). What is left is to
// wait: in a group of n every leaf has slot 0 once in n epochs, and who looks
// ahead knows when. Whoever founds a group picks genesis, and may have picked it
// to suit a leaf; whoever adds members may place them. Losing says nothing about
// the next slot, so against m rivals k losses in a row have probability
// (m/(m+1))^k.
//
// Number. Who signs very many commits on one epoch makes nobody's tree grow: of
// one account's there, four are taken, and those that somebody not convicted
// votes for or builds on (crowd.go). Until somebody does, it can have members on
// different ones of them, as two commits for two halves would.
//
// EpochID. Can be ground by the author of both commits, who thereby chooses
// between two things it said itself, and is convicted of it; or by an external
// joiner against another, who gets in first.
//
// Cool-down. One flooder gets one maintenance commit in min(n, 9). Two who sign
// requests for each other are not held back by it, nor is one who may add and
// remove members: that is a matter for the policy. Where fewer than that ever
// commit, the rest being silent, the wait would have no end; then whoever waits
// needs one other account's signed word, and honest members give it once a
// minute (package session). So the rule reads no clock, two who are there are
// enough, and a flooder has what the clocks of honest members leave it.
//
// Headers. A header's author can lie about all but its name. Such a lie weighs
// what its author weighs, is never entered, and ends when the commit itself
// comes. Said of the head, it has all who stand there against it (package
// session), so its author alone holds nobody back. It displaces nothing that was
// opened here, entered or not. Where two headers claim one child of two parents,
// neither stands, and a member that can only read headers then goes by the votes
// for what came before. That the ids of epochs leave no room for: in package
// session each is a hash of its parent's. Nobody can be made to enter anything.
//
// # What is not promised
//
// No finality. What a majority holds, a majority can change, until there is a
// seal; Settled is quiet here, and Agreed is a count, not a certificate.
//
// No safety of a branch against a colluding majority of its electors, those it
// removed included, as long as they are electors of its parent.
//
// No quick removal by a minority: what is voted down is asked for again.
//
// No winner that does not hang on who meets whom first. The head follows from the
// votes, and votes follow the head: of three sides, the larger of the two that meet
// first speaks for both when the third comes. Where the votes are the same, so is
// the winner (P3 in testnet/sim).
//
// No agreement between members that hold different things. The caller brings
// candidates, votes and evidence to everybody (Missing, Wanted, Votes and
// Evidence say what), and prunes late: headers cost little, and a commit on a
// pruned epoch is stale for those who pruned it only. What is below a root is
// decided as if nothing had been pruned (TestPruneChangesNothingBelow), but for
// two things only the pruned could have seen: evidence, which is passed on for
// that reason, and votes for invalid commits on what left, by which a liar makes
// its own weight, and no other, uncertain.
//
// # Why not
//
// Timestamps: their author chooses them, and the earliest wins. Order of
// arrival: it differs from member to member, and is the split itself. Depth: a
// member who may refresh its keys can make any depth alone; in the rule that
// goes by it, someone removed undoes that with three commits in private. The
// smallest key or index: the same member wins for ever. A hash of the commit:
// whoever tries most often wins. A round of votes before each commit: nobody
// could work in a train. Stopping on a fork: the same.
//
// # Decisions
//
// Own commits carry a vote on. The plain reading, "a commit counts as its
// author's vote until it casts one", gives whoever never votes a weight of one
// in every race, against nobody's; a removed member's rival commit would beat
// its removal. So a commit of one's own counts wherever it comes after the
// vote. Which of p's children an account's commits point to is told from those
// below p alone: with any rule that looks at all of them, such as the last they
// have in common, a member that pruned would say otherwise than one that did
// not.
//
// Turns are arithmetic. A cap on changes of the head could be counted, but then
// what a vote is worth depends on which others were heard. Here it is read off
// the vote and its head. The price: after a reorganisation deeper than eight
// epochs an account is silent until the winning branch has grown.
//
// One leaf, one device. Two devices of an account that have not heard each
// other may commit on one parent, or vote under one number; evidence asks for
// the same leaf, or the same device. And it asks for two states: any member can
// frame another's signed commit a second time, under another CommitID. For the
// same reason the last rung is the EpochID, and two commits that lead from one
// epoch to one epoch are one.
//
// Committees are drawn by leaf. An account key can be made anew until it is
// drawn; a place in the tree is assigned. With a third of the leaves hostile a
// committee of 64 has a hostile majority once in 500 draws, with a quarter once
// in 500,000.
//
// The head goes past what cannot be entered, and votes go on. Were the head to
// stop there, two colluders could stop a group for good with a header of
// nothing, since none would vote against it. What must stop while Diverged is
// speaking: the caller holds back sends and commits.
//
// # Reading on
//
// candidate.go is what the rule is told; rank.go, weight.go and vote.go are the
// rule; head.go follows it; tree.go is the tree; chain.go takes things in,
// crowd.go turns away, parking.go keeps what came early, prune.go lets go,
// evidence.go convicts, life.go traces, snapshot.go is all a chain was told,
// describe.go draws, params.go has the protocol's numbers, rule.go is the place
// where measurements put another rule. In the tests, cases_test.go is the rule
// in pictures and reference_test.go the rule again, slowly. By default 60,000
// random trees are compared with it; -trees=1000000 does a million. -mutate
// changes the code in some eighty ways, one at a time, and sees the tests fail.
package consensus
