package abio

import (
	"context"
	"os"
	"runtime"
	"sync"
	"syscall"
	"unsafe"
)

// An Event is struct abio_event.
type Event struct {
	Token    uint64
	Result   int64
	Progress uint64
	Handle   uint64
	Data     uint64
	Flags    uint32
	reserved uint32
}

const eventsPerPoll = 64

// A Driver lets any number of goroutines use one driver of the library's.  Its descriptor is watched
// by Go's own netpoller, so a goroutine that waits costs no thread.
//
// There are two kinds, since goroutines move between threads and the library's drivers do not:
//
//   - New(l, Migrating): the driver is pinned to no thread (ABIO_DRIVER_MIGRATES, which is epoll).
//     A goroutine calls it where it runs; a mutex sees to it that one does at a time.
//   - New(l, Locked): the driver lives on one thread, where the kernel wants an io_uring to be.  A
//     goroutine that has locked its thread makes every call; the others hand theirs over.
type Driver struct {
	*Library
	handle uint64
	kind   Kind
	file   *os.File // a duplicate of the driver's descriptor, the netpoller's
	ended  chan struct{}
	events [eventsPerPoll]Event // pump's

	mu      sync.Mutex // Migrating: held in every call of the driver
	closing bool

	queue struct { // Locked: calls that the thread is to make
		sync.Mutex
		calls []func()
	}

	waiting struct {
		sync.Mutex
		last uint64
		by   map[uint64]chan Event
	}
}

// A Kind says on which threads a driver is used.
type Kind int

// The kinds of drivers.
const (
	Migrating Kind = iota
	Locked
)

// New makes a driver and the goroutine that pumps it.
func New(l *Library, kind Kind) (*Driver, error) {
	d := &Driver{Library: l, kind: kind, ended: make(chan struct{})}
	d.waiting.by = map[uint64]chan Event{}
	options := l.Struct("driver_options")
	if kind == Migrating {
		options.Set("flags", uint32(l.Constant("ABIO_DRIVER_MIGRATES")))
	}
	// Making a driver and asking for its descriptor does not pin it: this thread is not its owner.
	err := l.check(l.Call("abio_driver_create", uintptr(options.Pointer()),
		uintptr(unsafe.Pointer(&d.handle))))
	if err != nil {
		return nil, err
	}
	fd := l.Call("abio_driver_fd", uintptr(d.handle))
	if err := l.check(fd); err != nil {
		return nil, err
	}
	// The netpoller closes what it is given, and the descriptor is the library's: so a duplicate.
	// It takes only descriptors that are non-blocking.
	duplicate, _, number := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_DUPFD_CLOEXEC, 0)
	if number != 0 {
		return nil, number
	}
	if err := syscall.SetNonblock(int(duplicate), true); err != nil {
		return nil, err
	}
	d.file = os.NewFile(duplicate, "abio")
	raw, err := d.file.SyscallConn()
	if err != nil {
		return nil, err
	}
	go d.pump(raw)
	return d, nil
}

// pump polls whenever the descriptor is readable.  The netpoller watches edge-triggered, so it must
// poll until 0 before it waits again: turn does.
func (d *Driver) pump(raw syscall.RawConn) {
	defer close(d.ended)
	if d.kind == Locked {
		// Unlocked when the driver is gone, not left to end the thread: with real cgo under purego
		// a thread that ends so has crashed.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
	}
	err := raw.Read(func(uintptr) bool { return d.turn() })
	if err != nil {
		panic("abio: the driver's descriptor cannot be watched: " + err.Error())
	}
	d.file.Close()
}

// turn delivers every event there is.  true: the driver is closed.
func (d *Driver) turn() bool {
	for {
		d.makeCalls()
		d.mu.Lock()
		count := d.Call("abio_driver_poll", uintptr(d.handle),
			uintptr(unsafe.Pointer(&d.events[0])), unsafe.Sizeof(d.events[0]), eventsPerPoll)
		// Busy until the last event is delivered and the last descriptor closed.
		gone := count == 0 && d.closing && d.Call("abio_driver_close", uintptr(d.handle)) == 0
		d.mu.Unlock()
		if count < 0 {
			panic(d.check(count))
		}
		for _, event := range d.events[:count] {
			d.deliver(event)
		}
		if count == 0 {
			return gone
		}
	}
}

func (d *Driver) deliver(event Event) {
	if event.Flags&uint32(d.Constant("ABIO_EVENT_MORE")) != 0 {
		return
	}
	d.waiting.Lock()
	waiter := d.waiting.by[event.Token]
	delete(d.waiting.by, event.Token)
	d.waiting.Unlock()
	if waiter != nil {
		waiter <- event // there is room for the one event that ever comes
	}
}

// do makes a call where calls of this driver are made, and gives its answer.
func (d *Driver) do(call func() int32) int32 {
	if d.kind == Migrating {
		d.mu.Lock()
		defer d.mu.Unlock()
		return call()
	}
	answer := make(chan int32, 1)
	d.queue.Lock()
	first := len(d.queue.calls) == 0
	d.queue.calls = append(d.queue.calls, func() { answer <- call() })
	d.queue.Unlock()
	if first {
		// From any thread: it makes the descriptor readable, and pump makes the calls.
		if code := d.Call("abio_driver_wake", uintptr(d.handle)); code < 0 {
			return code // the driver is closed
		}
	}
	select {
	case code := <-answer:
		return code
	case <-d.ended:
		return int32(d.Constant("ABIO_E_CLOSED"))
	}
}

func (d *Driver) makeCalls() {
	d.queue.Lock()
	calls := d.queue.calls
	d.queue.calls = nil
	d.queue.Unlock()
	for _, call := range calls {
		call()
	}
}

// run starts an operation, by a call that is given the token, and waits for its terminal event.
// When ctx ends or expired is closed first it asks `under` (an io, or the driver) to cancel, and still
// waits: memory is lent until the event has come.  Data wins: what was done is a success.
func (d *Driver) run(ctx context.Context, expired <-chan struct{}, under uint64,
	start func(token uintptr) int32) (Event, error) {
	if err := ctx.Err(); err != nil {
		return Event{}, err
	}
	select {
	case <-expired:
		return Event{}, os.ErrDeadlineExceeded
	default:
	}
	done := make(chan Event, 1)
	d.waiting.Lock()
	d.waiting.last++
	token := d.waiting.last
	d.waiting.by[token] = done
	d.waiting.Unlock()
	if code := d.do(func() int32 { return start(uintptr(token)) }); code < 0 {
		d.waiting.Lock()
		delete(d.waiting.by, token)
		d.waiting.Unlock()
		return Event{}, d.check(code)
	}
	cancel := func() {
		d.do(func() int32 { return d.Call("abio_cancel", uintptr(under), uintptr(token)) })
	}
	var why error
	var event Event
	select {
	case event = <-done:
	case <-ctx.Done():
		why = ctx.Err()
		cancel()
		event = <-done
	case <-expired:
		why = os.ErrDeadlineExceeded
		cancel()
		event = <-done
	}
	if event.Result >= 0 {
		return event, nil
	}
	if why == nil || event.Result != d.Constant("ABIO_E_CANCELED") {
		why = d.check(int32(event.Result))
	}
	return event, why
}

// Backend is "uring" or "epoll".
func (d *Driver) Backend() string {
	state := d.Struct("driver_state")
	d.Call("abio_driver_info", uintptr(d.handle), uintptr(state.Pointer()))
	if int64(state.u32("backend")) == d.Constant("ABIO_BACKEND_URING") {
		return "uring"
	}
	return "epoll"
}

// Close ends everything that is in flight, with an error to whoever waits, and frees the driver.
func (d *Driver) Close() error {
	d.do(func() int32 {
		d.closing = true
		return d.Call("abio_driver_shutdown", uintptr(d.handle))
	})
	d.Call("abio_driver_wake", uintptr(d.handle))
	<-d.ended
	return nil
}
