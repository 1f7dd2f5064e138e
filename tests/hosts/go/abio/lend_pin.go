//go:build go1.21 && !abio_copy

package abio

import (
	"runtime"
	"unsafe"
)

// A loan is memory that an operation has until its terminal event.
//
// The library, and under io_uring the kernel, keep the address after the call has returned.  The
// rules of cgo forbid that for Go memory, unless it is pinned; and the compiler may otherwise put
// what p points to on a stack, which moves.  Pinned, it is neither moved nor freed.
type loan struct {
	pinner  runtime.Pinner
	address uintptr
}

func (l *Library) lend(p []byte) (*loan, error) {
	o := &loan{address: uintptr(unsafe.Pointer(&p[0]))}
	o.pinner.Pin(&p[0])
	return o, nil
}

// end gives the memory back, after the terminal event and not before.
func (o *loan) end([]byte, uint64) { o.pinner.Unpin() }
