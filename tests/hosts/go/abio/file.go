package abio

import (
	"context"
	"io"
	"os"
	"runtime"
	"unsafe"
)

// A File is a Stream that is also an io.ReaderAt, an io.WriterAt and an io.Seeker.
type File struct{ *Stream }

// OpenFile opens a file as os.OpenFile does.
func (d *Driver) OpenFile(ctx context.Context, path string, flag int, mode os.FileMode) (*File, error) {
	options := d.Struct("open_options").Set("mode", uint32(mode.Perm()))
	access := d.Constant("ABIO_ACCESS_READ")
	switch flag & (os.O_WRONLY | os.O_RDWR) {
	case os.O_WRONLY:
		access = d.Constant("ABIO_ACCESS_WRITE")
	case os.O_RDWR:
		access |= d.Constant("ABIO_ACCESS_WRITE")
	}
	flags := int64(0)
	for bit, name := range map[int]string{
		os.O_CREATE: "CREATE", os.O_EXCL: "EXCLUSIVE", os.O_TRUNC: "TRUNCATE", os.O_APPEND: "APPEND",
	} {
		if flag&bit != 0 {
			flags |= d.Constant("ABIO_OPEN_" + name)
		}
	}
	options.Set("access", uint32(access)).Set("flags", uint32(flags))
	// Paths and options are copied at the start: they are lent for the call alone.
	name := append([]byte(path), 0)
	event, err := d.run(ctx, nil, d.handle, func(token uintptr) int32 {
		return d.Call("abio_open", uintptr(d.handle), uintptr(unsafe.Pointer(&name[0])),
			uintptr(len(path)), uintptr(options.Pointer()), token)
	})
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: path, Err: err}
	}
	return &File{d.newStream(event.Handle)}, nil
}

// Open opens a file for reading.
func (d *Driver) Open(ctx context.Context, path string) (*File, error) {
	return d.OpenFile(ctx, path, os.O_RDONLY, 0)
}

// ReadAt implements io.ReaderAt.  Any number may be in flight.
func (f *File) ReadAt(p []byte, offset int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	count, err := f.transferMemory(context.Background(), nil, "abio_read_at_exact", p,
		uintptr(offset))
	if e, ours := err.(*Error); ours && int64(e.Code) == f.driver.Constant("ABIO_E_UNEXPECTED_EOF") {
		err = io.EOF
	}
	return count, err
}

// WriteAt implements io.WriterAt.
func (f *File) WriteAt(p []byte, offset int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	return f.transferMemory(context.Background(), nil, "abio_write_at_all", p, uintptr(offset))
}

// Seek implements io.Seeker, whose numbers are the library's too.
func (f *File) Seek(offset int64, whence int) (int64, error) {
	event, err := f.transfer(context.Background(), nil, func(token uintptr) int32 {
		return f.driver.Call("abio_seek", uintptr(f.handle), uintptr(whence), uintptr(offset), 0,
			token)
	})
	return event.Result, err
}

// Lines reads lines by the library's own buffered reader.  The line is in a buffer of the library's:
// C may keep that as long as it likes, so nothing is pinned.
type Lines struct {
	*Stream
	buffer uint64
}

// NewLines reads s by lines of at most longest bytes.
func NewLines(s *Stream, longest int) (*Lines, error) {
	d := s.driver
	var reader, buffer uint64
	code := d.do(func() int32 {
		return d.Call("abio_buf_reader", uintptr(s.handle), 0, 0, uintptr(unsafe.Pointer(&reader)))
	})
	runtime.KeepAlive(s)
	if err := d.check(code); err != nil {
		return nil, err
	}
	stream := d.newStream(reader)
	code = d.Call("abio_buffer_alloc", uintptr(longest), 0, 0, uintptr(unsafe.Pointer(&buffer)))
	if err := d.check(code); err != nil {
		return nil, err
	}
	l := &Lines{stream, buffer}
	runtime.SetFinalizer(l, func(l *Lines) { d.Call("abio_buffer_release", uintptr(l.buffer)) })
	return l, nil
}

// Next gives a line with its end, or io.EOF.
func (l *Lines) Next(ctx context.Context) (string, error) {
	l.reading.Lock()
	defer l.reading.Unlock()
	event, err := l.transfer(ctx, l.reading.deadline.expired(), func(token uintptr) int32 {
		return l.driver.Call("abio_read_line", uintptr(l.handle), uintptr(l.buffer), 0, token)
	})
	if err != nil {
		return "", err
	}
	if event.Result == 0 {
		return "", io.EOF
	}
	state := l.driver.Struct("buffer_state")
	l.driver.Call("abio_buffer_info", uintptr(l.buffer), uintptr(state.Pointer()))
	line := string(memoryAt(uintptr(state.u64("data")), int(state.u32("filled"))))
	l.driver.Call("abio_buffer_set", uintptr(l.buffer), 0, 0)
	runtime.KeepAlive(l)
	return line, nil
}
