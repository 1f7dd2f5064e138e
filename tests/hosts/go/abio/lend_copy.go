//go:build !go1.21 || abio_copy

package abio

import "unsafe"

// A loan is memory that an operation has until its terminal event.
//
// Before Go 1.21 there is no runtime.Pinner, and so no Go memory that C may keep: the bytes travel
// through memory of the library's, one copy more.  Such memory is right too where nobody can wait for
// the terminal event, as it belongs to no goroutine.
type loan struct {
	*Library
	buffer  uint64
	address uintptr
}

func (l *Library) lend(p []byte) (*loan, error) {
	o := &loan{Library: l}
	err := l.check(l.Call("abio_buffer_alloc", uintptr(len(p)), 0, 0,
		uintptr(unsafe.Pointer(&o.buffer))))
	if err != nil {
		return nil, err
	}
	state := l.Struct("buffer_state")
	l.Call("abio_buffer_info", uintptr(o.buffer), uintptr(state.Pointer()))
	o.address = uintptr(state.u64("data"))
	copy(memoryAt(o.address, len(p)), p)
	return o, nil
}

// end gives the memory back, after the terminal event and not before.
func (o *loan) end(p []byte, count uint64) {
	copy(p, memoryAt(o.address, int(count)))
	o.Call("abio_buffer_release", uintptr(o.buffer))
}
