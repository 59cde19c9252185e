package api

import "time"

// Limits of the local API. A local caller is trusted but may be wrong; a bot
// may be compromised.
const (
	// MaxBody is the size of a request, in bytes: a message of MaxText, escaped
	// at worst, with room to spare.
	MaxBody = 1 << 20
	// MaxText is the size of one message's text, in bytes. It keeps a message,
	// with its MLS framing, inside one gossip frame.
	MaxText = 32 << 10
	// MaxName is the size of a name, in bytes.
	MaxName = 64
	// MaxKey is the size of an idempotency key, in bytes.
	MaxKey = 128
	// MaxPage is the most messages in one Page; DefaultPage where none is asked
	// for.
	MaxPage     = 500
	DefaultPage = 50
	// MaxWatchers is the most event streams at once. A face uses one.
	MaxWatchers = 64
	// IdempotencyTTL is how long an answer is remembered by its key, and
	// MaxRemembered how many answers are: retries come within seconds.
	IdempotencyTTL = 10 * time.Minute
	MaxRemembered  = 1024
	// AnswersTTL is how long the answer of a change is kept on disk by its key,
	// across restarts, and MaxAnswers how many are: a script that was cut off is
	// run again within a day.
	AnswersTTL = 24 * time.Hour
	MaxAnswers = 4096
	// HeartbeatEvery is the pause after which a silent event stream says that
	// it lives. The client gives a stream up after three.
	HeartbeatEvery = 15 * time.Second
	// WriteTimeout is how long a watcher may take to read what it was sent
	// before it is cut; it resumes by its cursor.
	WriteTimeout = 10 * time.Second
	// MaxTokenTTL is the longest life of a token: a bot that lives longer gets
	// a new one.
	MaxTokenTTL = 90 * 24 * time.Hour
)
