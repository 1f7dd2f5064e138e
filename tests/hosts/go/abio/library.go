// Package abio gives Go programs the streams and files of libabio: io.Reader, io.Writer,
// io.ReaderAt, net.Conn and net.Listener over io_uring or epoll, without cgo.
//
// library.go loads the library by its one symbol and calls it by description; driver.go lets
// goroutines wait for its events; stream.go and net.go are what a program uses.
package abio

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"github.com/ebitengine/purego"
)

// A Function stands at an offset of the root table; offset 0 is abio_api itself.
type Function struct {
	Offset uintptr
	Types  []string
	Result string
}

type field struct {
	Name   string
	Offset uintptr
	Size   uintptr
	Type   string
}

type layout struct {
	size    uintptr
	offsets map[string]uintptr
}

// A Library is loaded once and stays: it is linked so that it cannot be unloaded.
type Library struct {
	Version   string
	Functions map[string]Function
	entries   map[string]uintptr
	constants map[string]int64
	layouts   map[string]layout
}

type description struct {
	SHA256      string
	Description struct {
		ABI       struct{ Major, Minor int }
		Constants []struct {
			Prefix string
			Values []struct {
				Name   string
				Number int64
			}
		}
		Structs []struct {
			Name   string
			Size   uintptr
			Fields []field
		}
	}
}

func readJSON(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// Load loads the library at path.  Functions, constants and layouts are those of abio.json and
// conformance.json in the directory generated, so no number is typed here.
func Load(path, generated string) (*Library, error) {
	var promised description
	if err := readJSON(filepath.Join(generated, "abio.json"), &promised); err != nil {
		return nil, err
	}
	l := &Library{
		entries:   map[string]uintptr{},
		constants: map[string]int64{},
		layouts:   map[string]layout{},
	}
	if err := readJSON(filepath.Join(generated, "conformance.json"), l); err != nil {
		return nil, err
	}
	for _, group := range promised.Description.Constants {
		for _, value := range group.Values {
			l.constants[group.Prefix+value.Name] = value.Number
		}
	}
	for _, s := range promised.Description.Structs {
		offsets := map[string]uintptr{}
		for _, f := range s.Fields {
			offsets[f.Name] = f.Offset
		}
		l.layouts[s.Name] = layout{s.Size, offsets}
	}
	return l, l.open(path, &promised)
}

func (l *Library) open(path string, promised *description) error {
	library, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return err
	}
	api, err := purego.Dlsym(library, "abio_api")
	if err != nil {
		return fmt.Errorf("%s is not libabio: %w", path, err)
	}
	major, minor := promised.Description.ABI.Major, promised.Description.ABI.Minor
	root, _, _ := purego.SyscallN(api, uintptr(major))
	if root == 0 {
		return fmt.Errorf("%s does not speak version %d", path, major)
	}
	size := *(*uint32)(At(root))
	for name, function := range l.Functions {
		switch {
		case function.Offset == 0:
			l.entries[name] = api
		case function.Offset >= uintptr(size):
			return fmt.Errorf("%s is too old: it has no %s", path, name)
		default:
			l.entries[name] = *(*uintptr)(At(root + function.Offset))
		}
	}
	info := l.Struct("abi")
	if err := l.check(l.Call("abio_abi_info", uintptr(info.Pointer()))); err != nil {
		return err
	}
	hash := hex.EncodeToString(info.bytes[info.offsets["hash"]:][:32])
	found := info.u16("minor")
	if hash != promised.SHA256 && int(found) <= minor {
		return fmt.Errorf("%s is not what abio.json describes, and not newer", path)
	}
	l.Version = fmt.Sprintf("%d.%d.%d", info.u16("major"), found, info.u16("patch"))
	// Events are read as a Go struct; everything else by its description.
	if l.layouts["event"].size != unsafe.Sizeof(Event{}) {
		return fmt.Errorf("%s has another struct abio_event", path)
	}
	return nil
}

// Call calls a function.  It never blocks, but for abio_driver_wait.
//
// What is passed as uintptr(unsafe.Pointer(p)) in the call itself stays where it is until Call
// returns, by the pragma, and no longer: memory that a start function keeps is lent by lend.
//
//go:uintptrescapes
func (l *Library) Call(name string, arguments ...uintptr) int32 {
	return int32(l.CallPointer(name, arguments...))
}

// CallPointer is Call of a function that returns a pointer.
//
//go:uintptrescapes
func (l *Library) CallPointer(name string, arguments ...uintptr) uintptr {
	entry, known := l.entries[name]
	if !known {
		panic("abio: no function " + name)
	}
	result, _, _ := purego.SyscallN(entry, arguments...)
	return result
}

// Constant gives the number of "ABIO_E_CANCELED" and the like.
func (l *Library) Constant(name string) int64 {
	number, known := l.constants[name]
	if !known {
		panic("abio: no constant " + name)
	}
	return number
}

// At turns an address of C's into a pointer.  It is never one of Go's: go vet's rule is about those.
func At(address uintptr) unsafe.Pointer {
	return *(*unsafe.Pointer)(unsafe.Pointer(&address))
}

// Text reads a C string, which the library never frees.
func Text(address uintptr) string {
	if address == 0 {
		return ""
	}
	length := 0
	for *(*byte)(At(address + uintptr(length))) != 0 {
		length++
	}
	return string(memoryAt(address, length))
}

// memoryAt is C's memory as a slice, valid as long as C says.
func memoryAt(address uintptr, length int) []byte {
	return unsafe.Slice((*byte)(At(address)), length)
}

// A Struct is one of the library's, by field names, with its size set.
type Struct struct {
	layout
	bytes []byte
}

// Struct makes one.
func (l *Library) Struct(name string) *Struct {
	s := &Struct{layout: l.layouts[name]}
	s.bytes = make([]byte, s.size)
	s.Set("size", uint32(s.size))
	return s
}

// Pointer is for a call that does not keep it, as uintptr(s.Pointer()) among its arguments.
func (s *Struct) Pointer() unsafe.Pointer { return unsafe.Pointer(&s.bytes[0]) }

func (s *Struct) place(name string) unsafe.Pointer {
	offset, known := s.offsets[name]
	if !known {
		panic("abio: no field " + name)
	}
	return unsafe.Pointer(&s.bytes[offset])
}

// Set writes a field of 32 bits.
func (s *Struct) Set(name string, value uint32) *Struct {
	*(*uint32)(s.place(name)) = value
	return s
}

func (s *Struct) u16(name string) uint16 { return *(*uint16)(s.place(name)) }
func (s *Struct) u32(name string) uint32 { return *(*uint32)(s.place(name)) }
func (s *Struct) u64(name string) uint64 { return *(*uint64)(s.place(name)) }
