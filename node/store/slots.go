package store

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/covey-p2p/covey/node/session"
)

// The slot file:
//
//	0      witness, twice: the number of the last batch u64, checksum u64
//	4096   stripe 0 of copy A, stripe 0 of copy B, stripe 1 of A, of B, …
//
// A copy is its stripes put together:
//
//	magic 8, format u16, stripes u16, reserved u32, generation u64, store 16,
//	SHA-256 of all that follows 32, nonce 24,
//	sealed { count u32, count × { slot name 16, key 32 }, zeros to the end }
//
// The copy with the larger generation is the table.
const (
	slotMagic    = "coveyslt"
	slotFormat   = 1
	slotHead     = 8 + 2 + 2 + 4 + 8 + 16
	slotSum      = 32
	slotStart    = 4096
	nameSize     = 16
	keyIDSize    = 8
	slotSize     = nameSize + 32
	slotOverhead = slotHead + slotSum + chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead + 4

	witnessSize = 16
	witnessStep = 2048
)

// slotName names the key of an epoch under a prefix; it tells neither.
type slotName [nameSize]byte

func nameSlot(prefix string, epoch session.EpochID) slotName {
	h := sha256.New()
	fmt.Fprintf(h, "covey slot 1\x00%d\x00%s", len(prefix), prefix)
	h.Write(epoch[:])
	return slotName(h.Sum(nil))
}

// slotKey is an epoch's key with a hash that tells it from a later one of the
// same epoch.
type slotKey struct {
	key [32]byte
	id  [keyIDSize]byte
}

func newSlotKey(key []byte) *slotKey {
	k := &slotKey{key: [32]byte(key)}
	h := sha256.Sum256(append([]byte("covey slot key 1"), key...))
	copy(k.id[:], h[:])
	return k
}

func (k *slotKey) clear() { clear(k.key[:]) }

// slotFile holds the keys of live epochs, in memory and on disk.
//
// Invariants: (1) what is on disk under the larger generation is what is in
// keys; (2) both copies have the same number of stripes once written, which
// never falls; (3) a key that has been erased is in neither copy, one that has been made
// is in both.
type slotFile struct {
	f       *os.File // nil in memory
	seal    []byte
	store   [16]byte
	last    int // the copy with the larger generation
	stripes int
	gen     uint64
	seq     uint64 // the witness
	flip    int    // which witness record is written next

	mu   sync.RWMutex // guards keys; never held while writing
	keys map[slotName]*slotKey
}

// openSlots reads the file and completes an erasure that was cut short.
func openSlots(path string, seal []byte, store [16]byte) (*slotFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	s := &slotFile{f: f, seal: seal, store: store, keys: map[slotName]*slotKey{}}
	if err := s.load(); err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

// createSlots writes an empty file beside path and moves it there.
func createSlots(path string, seal []byte, store [16]byte) (*slotFile, error) {
	f, err := os.OpenFile(path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	s := &slotFile{f: f, seal: seal, store: store, stripes: 1, keys: map[slotName]*slotKey{}}
	err = s.witness(0)
	if err == nil {
		err = s.writeBoth()
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

func memorySlots(seal []byte, store [16]byte) *slotFile {
	return &slotFile{seal: seal, store: store, stripes: 1, keys: map[slotName]*slotKey{}}
}

func (s *slotFile) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.keys {
		k.clear()
	}
	clear(s.keys)
	if s.f == nil {
		return nil
	}
	return s.f.Close()
}

func (s *slotFile) load() error {
	fi, err := s.f.Stat()
	if err != nil {
		return err
	}
	s.stripes = int((fi.Size() - slotStart + 2*stripe - 1) / (2 * stripe))
	if s.stripes < 1 || s.stripes > maxStripes {
		return &CorruptError{What: "the slot file", Err: fmt.Errorf("%d bytes long", fi.Size())}
	}
	s.readWitness()
	var firstErr error
	valid := 0
	for c := range 2 {
		gen, keys, err := s.readCopy(c)
		if err != nil {
			if firstErr == nil {
				firstErr = err
			}
			continue
		}
		if valid++; valid == 1 || gen > s.gen {
			s.gen, s.keys, s.last = gen, keys, c
		}
	}
	if valid == 0 {
		return firstErr
	}
	return s.write() // the older copy may hold what has been erased since
}

func (s *slotFile) readWitness() {
	for i := range 2 {
		var b [witnessSize]byte
		if _, err := s.f.ReadAt(b[:], int64(i*witnessStep)); err != nil {
			continue
		}
		seq := binary.BigEndian.Uint64(b[:])
		if binary.BigEndian.Uint64(b[8:]) == witnessCheck(seq) && seq >= s.seq {
			s.seq, s.flip = seq, 1-i
		}
	}
}

func witnessCheck(seq uint64) uint64 {
	h := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("covey witness 1"), seq))
	return binary.BigEndian.Uint64(h[:])
}

// witness notes the number of a durable batch. It is not synced: a witness that
// is behind is harmless, and it survives the end of the process.
func (s *slotFile) witness(seq uint64) error {
	s.seq = seq
	if s.f == nil {
		return nil
	}
	b := binary.BigEndian.AppendUint64(make([]byte, 0, witnessSize), seq)
	b = binary.BigEndian.AppendUint64(b, witnessCheck(seq))
	_, err := s.f.WriteAt(b, int64(s.flip*witnessStep))
	s.flip = 1 - s.flip
	return err
}

func stripeAt(copy, i int) int64 { return slotStart + int64(2*i+copy)*stripe }

func (s *slotFile) readCopy(c int) (gen uint64, keys map[slotName]*slotKey, err error) {
	bad := func(why string) error {
		return &CorruptError{What: fmt.Sprintf("copy %d of the slot table", c), Err: errors.New(why)}
	}
	b := make([]byte, s.stripes*stripe)
	for i := range s.stripes {
		if _, err := s.f.ReadAt(b[i*stripe:(i+1)*stripe], stripeAt(c, i)); err != nil && err != io.EOF {
			return 0, nil, err
		}
	}
	if string(b[:8]) != slotMagic {
		return 0, nil, bad("no slot table")
	}
	if v := int(binary.BigEndian.Uint16(b[8:])); v > slotFormat {
		return 0, nil, &NewerFormatError{What: "the slot file", Have: v, Read: slotFormat}
	}
	n := int(binary.BigEndian.Uint16(b[10:]))
	if n < 1 || n > s.stripes {
		return 0, nil, bad("cut short")
	}
	b = b[:n*stripe]
	head, body := b[:slotHead], b[slotHead+slotSum:]
	if sum := slotChecksum(head, body); !bytes.Equal(sum[:], b[slotHead:slotHead+slotSum]) {
		return 0, nil, bad("checksum")
	}
	if !bytes.Equal(head[24:40], s.store[:]) {
		return 0, nil, bad("belongs to another store")
	}
	aead, err := chacha20poly1305.NewX(s.seal)
	if err != nil {
		return 0, nil, err
	}
	const nonce = chacha20poly1305.NonceSizeX
	p, err := aead.Open(nil, body[:nonce], body[nonce:], head)
	if err != nil {
		return 0, nil, bad("does not open")
	}
	count := int(binary.BigEndian.Uint32(p))
	if count > (len(p)-4)/slotSize {
		return 0, nil, bad("count")
	}
	keys = make(map[slotName]*slotKey, count)
	for i := range count {
		e := p[4+i*slotSize:]
		keys[slotName(e)] = newSlotKey(e[nameSize:slotSize])
	}
	clear(p)
	return binary.BigEndian.Uint64(head[16:]), keys, nil
}

func slotChecksum(head, body []byte) (sum [32]byte) {
	h := sha256.New()
	h.Write(head)
	h.Write(body)
	h.Sum(sum[:0])
	return sum
}

// write puts the table, as the next generation, over the older copy.
func (s *slotFile) write() error {
	s.gen++
	if s.f == nil {
		return nil
	}
	for len(s.keys) > (s.stripes*stripe-slotOverhead)/slotSize {
		s.stripes++
	}
	b, err := s.encode()
	if err != nil {
		return err
	}
	c := 1 - s.last
	for i := range s.stripes {
		if _, err := s.f.WriteAt(b[i*stripe:(i+1)*stripe], stripeAt(c, i)); err != nil {
			return err
		}
	}
	if err := s.f.Sync(); err != nil {
		return err
	}
	s.last = c
	return nil
}

// writeBoth leaves nothing of an earlier table, and two of this one.
func (s *slotFile) writeBoth() error {
	if err := s.write(); err != nil {
		return err
	}
	return s.write()
}

func (s *slotFile) encode() ([]byte, error) {
	b := make([]byte, 0, s.stripes*stripe)
	b = append(b, slotMagic...)
	b = binary.BigEndian.AppendUint16(b, slotFormat)
	b = binary.BigEndian.AppendUint16(b, uint16(s.stripes))
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint64(b, s.gen)
	b = append(b, s.store[:]...)
	head := b[:slotHead:slotHead]

	p := make([]byte, s.stripes*stripe-slotOverhead+4)
	binary.BigEndian.PutUint32(p, uint32(len(s.keys)))
	names := make([]slotName, 0, len(s.keys))
	for name := range s.keys {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b slotName) int { return bytes.Compare(a[:], b[:]) })
	for i, name := range names {
		copy(p[4+i*slotSize:], name[:])
		copy(p[4+i*slotSize+nameSize:], s.keys[name].key[:])
	}
	aead, err := chacha20poly1305.NewX(s.seal)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, chacha20poly1305.NonceSizeX)
	rand.Read(nonce)
	body := aead.Seal(nonce, nonce, p, head)
	clear(p)
	sum := slotChecksum(head, body)
	b = append(b, sum[:]...)
	return append(b, body...), nil
}

// ensure makes keys for the names that have none, durable when it returns.
func (s *slotFile) ensure(names []slotName) (made int, err error) {
	const most = (maxStripes*stripe - slotOverhead) / slotSize
	s.mu.Lock()
	var fresh []slotName
	for _, name := range names {
		if s.keys[name] == nil && !slices.Contains(fresh, name) {
			fresh = append(fresh, name)
		}
	}
	if have := len(s.keys) + len(fresh); len(fresh) > 0 && have > most {
		s.mu.Unlock()
		return 0, &TooLargeError{What: "a table of epoch keys", Have: have, Max: most}
	}
	for _, name := range fresh {
		s.keys[name] = newSlotKey(random(32))
	}
	s.mu.Unlock()
	if len(fresh) == 0 {
		return 0, nil
	}
	return len(fresh), s.writeBoth() // one copy must never be all there is
}

// erase destroys the keys of the names, in memory and in both copies.
func (s *slotFile) erase(names []slotName) (gone int, err error) {
	s.mu.Lock()
	for _, name := range names {
		if k := s.keys[name]; k != nil {
			k.clear()
			delete(s.keys, name)
			gone++
		}
	}
	s.mu.Unlock()
	if gone == 0 {
		return 0, nil
	}
	return gone, s.writeBoth()
}

// key is a copy of an epoch's key; the caller clears it.
func (s *slotFile) key(name slotName) (slotKey, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if k := s.keys[name]; k != nil {
		return *k, true
	}
	return slotKey{}, false
}

func (s *slotFile) live() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.keys)
}
