package abio

import (
	"context"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// The most bytes of one operation; what is longer is transferred in pieces.
const pieceMax = 1 << 30

// A Stream is a connection, a pipe's end or a file at its position.  It is an io.ReadWriteCloser;
// several goroutines may use it at once.  One that is dropped without Close is closed by the
// garbage collector, as an os.File is.
type Stream struct {
	driver *Driver
	handle uint64
	closed atomic.Bool
	// One operation of each direction at a time is all the library takes.
	reading, writing struct {
		sync.Mutex
		deadline deadline
	}
}

func (d *Driver) newStream(handle uint64) *Stream {
	s := &Stream{driver: d, handle: handle}
	s.reading.deadline.init()
	s.writing.deadline.init()
	// abio_release is for any thread, so the collector's goroutine may call it.
	runtime.SetFinalizer(s, (*Stream).release)
	return s
}

func (s *Stream) release() {
	s.driver.Call("abio_release", uintptr(s.handle))
}

// transfer runs an operation of this stream.
func (s *Stream) transfer(ctx context.Context, expired <-chan struct{},
	start func(token uintptr) int32) (Event, error) {
	event, err := s.driver.run(ctx, expired, s.handle, start)
	// Here, for the finalizer would take a stream that a goroutine is still using.
	runtime.KeepAlive(s)
	if err != nil && s.closed.Load() {
		err = net.ErrClosed
	}
	return event, err
}

// transferMemory runs one that is lent p, and gives how many bytes it moved, on error too.
func (s *Stream) transferMemory(ctx context.Context, expired <-chan struct{}, name string, p []byte,
	more ...uintptr) (int, error) {
	memory, err := s.driver.lend(p)
	if err != nil {
		return 0, err
	}
	event, err := s.transfer(ctx, expired, func(token uintptr) int32 {
		arguments := append([]uintptr{uintptr(s.handle), memory.address, uintptr(len(p))}, more...)
		return s.driver.Call(name, append(arguments, 0, token)...)
	})
	memory.end(p, event.Progress)
	return int(event.Progress), err
}

// Read reads what there is, and waits while there is nothing.
func (s *Stream) Read(p []byte) (int, error) { return s.ReadContext(context.Background(), p) }

// ReadContext is Read that ends with the context.  Nothing is lost by that: what has not been read
// is there for the next Read.
func (s *Stream) ReadContext(ctx context.Context, p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if len(p) > pieceMax {
		p = p[:pieceMax]
	}
	s.reading.Lock()
	defer s.reading.Unlock()
	count, err := s.transferMemory(ctx, s.reading.deadline.expired(), "abio_read", p)
	if count == 0 && err == nil {
		err = io.EOF
	}
	return count, err
}

// Write writes all of p.
func (s *Stream) Write(p []byte) (int, error) { return s.WriteContext(context.Background(), p) }

// WriteContext is Write that ends with the context, and tells how much was written until then.
func (s *Stream) WriteContext(ctx context.Context, p []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	written := 0
	for written < len(p) {
		piece := p[written:]
		if len(piece) > pieceMax {
			piece = piece[:pieceMax]
		}
		count, err := s.transferMemory(ctx, s.writing.deadline.expired(), "abio_write_all", piece)
		written += count
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

// ReadFrom makes io.Copy from a File to a Stream one operation: the kernel moves the bytes.
func (s *Stream) ReadFrom(from io.Reader) (int64, error) {
	file, native := from.(*File)
	if !native || file.driver != s.driver {
		return io.Copy(struct{ io.Writer }{s}, from)
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	event, err := s.transfer(context.Background(), s.writing.deadline.expired(),
		func(token uintptr) int32 {
			const toTheEnd = ^uintptr(0)
			return s.driver.Call("abio_copy", uintptr(file.handle), uintptr(s.handle), toTheEnd,
				0, token)
		})
	runtime.KeepAlive(file)
	return int64(event.Progress), err
}

// CloseWrite lets the peer read the end of the stream.
func (s *Stream) CloseWrite() error {
	_, err := s.transfer(context.Background(), nil, func(token uintptr) int32 {
		return s.driver.Call("abio_shutdown", uintptr(s.handle), 0, token)
	})
	return err
}

// Close closes the stream; whoever reads or writes meanwhile gets net.ErrClosed.
func (s *Stream) Close() error {
	if s.closed.Swap(true) {
		return net.ErrClosed
	}
	_, err := s.driver.run(context.Background(), nil, s.handle, func(token uintptr) int32 {
		return s.driver.Call("abio_close", uintptr(s.handle), 0, token)
	})
	runtime.SetFinalizer(s, nil)
	s.release()
	return err
}

// SetReadDeadline ends a Read in progress too, when the time comes or has come.
func (s *Stream) SetReadDeadline(t time.Time) error {
	s.reading.deadline.set(t)
	return nil
}

// SetWriteDeadline is the same for Write.
func (s *Stream) SetWriteDeadline(t time.Time) error {
	s.writing.deadline.set(t)
	return nil
}

// SetDeadline sets both.
func (s *Stream) SetDeadline(t time.Time) error {
	s.reading.deadline.set(t)
	s.writing.deadline.set(t)
	return nil
}

// Pipe makes a pipe.
func (d *Driver) Pipe() (reader, writer *Stream, err error) {
	var r, w uint64
	code := d.do(func() int32 {
		return d.Call("abio_pipe", uintptr(d.handle), 0, uintptr(unsafe.Pointer(&r)),
			uintptr(unsafe.Pointer(&w)))
	})
	if err := d.check(code); err != nil {
		return nil, nil, err
	}
	return d.newStream(r), d.newStream(w), nil
}

// A deadline is a channel that is closed when its time has come.
type deadline struct {
	mu    sync.Mutex
	timer *time.Timer
	over  chan struct{}
}

func (d *deadline) init() { d.over = make(chan struct{}) }

func (d *deadline) expired() <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.over
}

func (d *deadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil && !d.timer.Stop() {
		<-d.over // the timer has fired: wait until it has closed the channel
	}
	d.timer = nil
	select {
	case <-d.over:
		d.over = make(chan struct{}) // of an earlier time
	default:
	}
	over := d.over
	switch left := time.Until(t); {
	case t.IsZero():
	case left <= 0:
		close(over)
	default:
		d.timer = time.AfterFunc(left, func() { close(over) })
	}
}
