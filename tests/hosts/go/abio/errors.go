package abio

import (
	"context"
	"fmt"
	"syscall"
)

// An Error is a negative code of the library.  errors.Is compares it with what Go knows: -errno is
// a syscall.Errno, and so fs.ErrNotExist and its like; a cancelled operation is context.Canceled.
type Error struct {
	Code int32
	name string
	text string
}

func (e *Error) Error() string { return fmt.Sprintf("abio: %s (%s)", e.text, e.name) }

// Is makes errors.Is work.
func (e *Error) Is(target error) bool {
	switch {
	case e.Code > -4096:
		number := syscall.Errno(-e.Code)
		return error(number) == target || number.Is(target)
	case e.name == "ABIO_E_CANCELED":
		return target == context.Canceled
	}
	return false
}

// check makes an error of a result that is one.
func (l *Library) check(result int32) error {
	if result >= 0 {
		return nil
	}
	code := uintptr(uint32(result))
	return &Error{
		Code: result,
		name: Text(l.CallPointer("abio_error_name", code)),
		text: Text(l.CallPointer("abio_error_text", code)),
	}
}
