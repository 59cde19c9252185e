package mesh

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Errors of sending.
var (
	// ErrFull says that a peer does not take frames as fast as they come.
	ErrFull = errors.New("mesh: too many frames wait for this peer")
	// ErrRefused says that a peer answered a request with nothing.
	ErrRefused = errors.New("mesh: the peer refused")
)

// streams carries frames between two peers. Frames to one peer go over one
// stream, in order: u32 length, bytes. Its fields are guarded by the mesh's mu.
type streams struct {
	m       *Mesh
	writers map[peer.ID]*writer
	inbound map[peer.ID]int
	total   int
}

// writer is the frames that wait for one peer.
type writer struct {
	frames chan []byte
	bytes  int // waiting
	stop   context.CancelFunc
}

func newStreams(m *Mesh) *streams {
	s := &streams{m: m, writers: make(map[peer.ID]*writer), inbound: make(map[peer.ID]int)}
	m.host.SetStreamHandler(m.protocol("sync"), s.read)
	return s
}

// Send queues a frame for a peer. The session that made it asks again if it is
// lost, as it is when the peer goes.
func (m *Mesh) Send(p peer.ID, frame []byte) error {
	if len(frame) > MaxFrame {
		return ErrTooLarge
	}
	s := m.streams
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if m.ctx.Err() != nil {
		return m.ctx.Err()
	}
	w := s.writers[p]
	if w == nil {
		ctx, cancel := context.WithCancel(m.ctx)
		w = &writer{frames: make(chan []byte, writerQueue), stop: cancel}
		s.writers[p] = w
		m.done.Go(func() { s.write(ctx, p, w) })
	}
	if w.bytes+len(frame) > writerBytes {
		m.trace.count("frame out: queue full")
		return ErrFull
	}
	select {
	case w.frames <- frame:
		w.bytes += len(frame)
		return nil
	default:
		m.trace.count("frame out: queue full")
		return ErrFull
	}
}

// write sends what waits for a peer until it fails or nothing has come for a
// while.
func (s *streams) write(ctx context.Context, p peer.ID, w *writer) {
	defer w.stop()
	var out network.Stream
	idle := time.NewTimer(idleWriter)
	defer idle.Stop()
	err := func() error {
		for {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-idle.C:
				if s.retire(p, w) {
					return nil
				}
			case frame := <-w.frames:
				s.m.mu.Lock()
				w.bytes -= len(frame)
				s.m.mu.Unlock()
				if out == nil {
					var err error
					if out, err = s.open(ctx, p, "sync"); err != nil {
						return err
					}
				}
				if err := writeFrame(out, frame); err != nil {
					return err
				}
			}
			idle.Reset(idleWriter)
		}
	}()
	s.forget(p, w)
	switch {
	case out == nil:
	case err != nil:
		out.Reset()
	default:
		out.Close()
	}
	if err != nil && s.m.ctx.Err() == nil {
		s.m.trace.count("frame out: stream broke")
	}
}

func (s *streams) open(ctx context.Context, p peer.ID, protocol string) (network.Stream, error) {
	ctx, cancel := context.WithTimeout(network.WithAllowLimitedConn(ctx, protocol), streamTimeout)
	defer cancel()
	return s.m.host.NewStream(ctx, p, s.m.protocol(protocol))
}

// retire takes an idle writer out, unless a frame came meanwhile.
func (s *streams) retire(p peer.ID, w *writer) bool {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if len(w.frames) > 0 {
		return false
	}
	if s.writers[p] == w {
		delete(s.writers, p)
	}
	return true
}

func (s *streams) forget(p peer.ID, w *writer) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if s.writers[p] == w {
		delete(s.writers, p)
	}
}

// drop ends the writer of a peer that went.
func (s *streams) drop(p peer.ID) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if w := s.writers[p]; w != nil {
		w.stop()
		delete(s.writers, p)
	}
}

// read serves one inbound stream of frames.
func (s *streams) read(in network.Stream) {
	p := in.Conn().RemotePeer()
	if !s.m.keeper.knows(p) || !s.enter(p) {
		s.m.trace.count("frame in: stream refused")
		in.Reset()
		return
	}
	defer s.leave(p)
	r := bufio.NewReader(in)
	for {
		frame, err := readFrame(r, MaxFrame)
		if err != nil {
			if errors.Is(err, ErrTooLarge) {
				s.m.trace.count("frame in: too large")
				s.m.Blame(p)
			}
			in.Reset()
			return
		}
		if !s.m.keeper.knows(p) {
			in.Reset()
			return
		}
		s.m.handler.Frame(p, frame)
	}
}

// enter and leave count inbound streams.
func (s *streams) enter(p peer.ID) bool {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if s.m.ctx.Err() != nil || s.total >= maxInbound || s.inbound[p] >= maxInboundPeer {
		return false
	}
	s.m.done.Add(1)
	s.total++
	s.inbound[p]++
	return true
}

func (s *streams) leave(p peer.ID) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	s.m.done.Done()
	s.total--
	if s.inbound[p]--; s.inbound[p] == 0 {
		delete(s.inbound, p)
	}
}

// Serve answers requests of a protocol, from anybody: one frame of at most max
// bytes in, one out. An answer of nil refuses.
func (m *Mesh) Serve(protocol string, max int, answer func(ctx context.Context, from peer.ID, request []byte) []byte) {
	m.host.SetStreamHandler(m.protocol(protocol), func(in network.Stream) {
		p := in.Conn().RemotePeer()
		if !m.streams.enter(p) {
			m.trace.count("request in: refused")
			in.Reset()
			return
		}
		defer m.streams.leave(p)
		in.SetDeadline(time.Now().Add(streamTimeout))
		request, err := readFrame(bufio.NewReader(in), max)
		if err != nil {
			m.trace.count("request in: malformed")
			in.Reset()
			return
		}
		ctx, cancel := context.WithTimeout(m.ctx, streamTimeout)
		defer cancel()
		reply := answer(ctx, p, request)
		if reply == nil || writeFrame(in, reply) != nil {
			in.Reset()
			return
		}
		in.Close()
	})
}

// Ask sends a request to a peer, which is looked for and dialled if need be, and
// returns its answer of at most max bytes. Under network.WithNoDial only a peer
// that is connected is asked: what Config.Find does with it ends.
func (m *Mesh) Ask(ctx context.Context, p peer.ID, protocol string, request []byte, max int) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, streamTimeout)
	defer cancel()
	if stay, _ := network.GetNoDial(ctx); !stay && len(m.host.Network().ConnsToPeer(p)) == 0 {
		if err := m.dial(ctx, p); err != nil {
			return nil, fmt.Errorf("reach the peer: %w", err)
		}
	}
	out, err := m.streams.open(ctx, p, protocol)
	if err != nil {
		return nil, fmt.Errorf("reach the peer: %w", err)
	}
	deadline, _ := ctx.Deadline()
	out.SetDeadline(deadline)
	stop := context.AfterFunc(ctx, func() { out.Reset() })
	defer stop()
	if err := writeFrame(out, request); err != nil {
		out.Reset()
		return nil, err
	}
	out.CloseWrite()
	reply, err := readFrame(bufio.NewReader(out), max)
	if err != nil {
		out.Reset()
		return nil, errors.Join(ErrRefused, err)
	}
	out.Close()
	return reply, nil
}

func writeFrame(out network.Stream, frame []byte) error {
	buf := make([]byte, 4+len(frame))
	binary.BigEndian.PutUint32(buf, uint32(len(frame)))
	copy(buf[4:], frame)
	if err := out.SetWriteDeadline(time.Now().Add(streamTimeout)); err != nil {
		return err
	}
	_, err := out.Write(buf)
	return err
}

// readFrame checks the length before it allocates.
func readFrame(r io.Reader, max int) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if uint64(n) > uint64(max) {
		return nil, ErrTooLarge
	}
	frame := make([]byte, n)
	_, err := io.ReadFull(r, frame)
	return frame, err
}
