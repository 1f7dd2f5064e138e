package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"unsafe"

	"abio/host/abio"
)

// The manifest: every function, called by its description alone, with what is right and with what
// must be refused.  Numbers in it are exact in a float64.
type manifest struct {
	Kinds   map[string]string
	Recipes map[string]struct {
		Needs []string
		Steps []step
	}
	Rows []struct {
		step
		Function, Case, Where string
		Needs                 []string
		Code                  *int32
		Refused, Null         bool
		Text                  *string
		Head                  *struct{ Size, Trait uint32 }
	}
}

type step struct {
	Call, Finish, As string
	Arguments        []any
	Token            uint64
}

// A bench is where a row's handles and memory are.
type bench struct {
	*abio.Library
	*manifest
	kept   map[string]uint64
	arena  []byte
	used   int
	blocks map[string]uintptr
	keep   map[string]uintptr // where a call stores a handle
}

// What a start function is given it keeps, so this memory is not Go's: a mapping is never moved,
// never freed, and nobody's but ours.
const arenaSize = 1 << 20

func newBench(l *abio.Library, m *manifest) *bench {
	arena, err := syscall.Mmap(-1, 0, arenaSize, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	return &bench{Library: l, manifest: m, arena: arena}
}

func (b *bench) clear() {
	b.kept, b.blocks = map[string]uint64{}, map[string]uintptr{}
	for i := range b.arena[:b.used] {
		b.arena[i] = 0
	}
	b.used = 0
}

// memory lays out what an argument describes, and gives its address.
func (b *bench) memory(what map[string]any) uintptr {
	length := int(what["memory"].(float64))
	start := b.used
	block := b.arena[start:][:length]
	b.used += length + 16 - length%16
	address := uintptr(unsafe.Pointer(&b.arena[start]))
	each := func(key string, write func(place []byte, value any)) {
		list, _ := what[key].([]any)
		for _, pair := range list {
			write(block[int(pair.([]any)[0].(float64)):], pair.([]any)[1])
		}
	}
	each("u32", func(place []byte, value any) {
		*(*uint32)(unsafe.Pointer(&place[0])) = uint32(int64(value.(float64)))
	})
	each("text", func(place []byte, value any) { copy(place, value.(string)) })
	each("points", func(place []byte, value any) {
		*(*uintptr)(unsafe.Pointer(&place[0])) = b.memory(value.(map[string]any))
	})
	if name, is := what["as"].(string); is {
		b.blocks[name] = address
	}
	if name, is := what["keep"].(string); is {
		b.keep[name] = address
	}
	return address
}

func (b *bench) argument(what any) uintptr {
	switch what := what.(type) {
	case float64:
		return uintptr(int64(what))
	case string:
		handle, made := b.kept[what]
		if !made {
			panic("no handle " + what)
		}
		return uintptr(handle)
	case map[string]any:
		if name, is := what["inside"].(string); is {
			return b.blocks[name] + uintptr(what["offset"].(float64))
		}
		return b.memory(what)
	}
	panic("an argument of an unknown kind")
}

func (b *bench) call(name string, arguments []any) uintptr {
	b.keep = map[string]uintptr{}
	values := make([]uintptr, len(arguments))
	for i, what := range arguments {
		values[i] = b.argument(what)
	}
	result := b.CallPointer(name, values...)
	for name, address := range b.keep {
		b.kept[name] = *(*uint64)(abio.At(address))
	}
	return result
}

func (b *bench) wait(driver uint64) abio.Event {
	var event abio.Event
	b.Call("abio_driver_wait", uintptr(driver), uintptr(unsafe.Pointer(&event)),
		unsafe.Sizeof(event), 1, ^uintptr(0))
	return event
}

func (b *bench) make(name string) {
	if _, made := b.kept[name]; made {
		return
	}
	recipe := b.Recipes[name]
	for _, need := range recipe.Needs {
		b.make(need)
	}
	for _, s := range recipe.Steps {
		if s.Call != "" {
			if result := int32(b.call(s.Call, s.Arguments)); result < 0 {
				panic(fmt.Sprintf("cannot make %s: %s answers %d", name, s.Call, result))
			}
			continue
		}
		event := b.wait(b.kept[s.Finish])
		for event.Token != s.Token || event.Flags&uint32(b.Constant("ABIO_EVENT_MORE")) != 0 {
			event = b.wait(b.kept[s.Finish])
		}
		if event.Result < 0 {
			panic(fmt.Sprintf("cannot make %s: %d", name, event.Result))
		}
		if s.As != "" {
			b.kept[s.As] = event.Handle
		}
	}
}

// end frees what a row has made.
func (b *bench) end() {
	for name, handle := range b.kept {
		if b.Kinds[name] == "driver" {
			b.Call("abio_driver_shutdown", uintptr(handle))
			for int64(b.Call("abio_driver_close", uintptr(handle))) == b.Constant("ABIO_E_BUSY") {
				b.wait(handle)
			}
		}
	}
	for name, handle := range b.kept {
		release := map[string]string{"io": "abio_release", "buffer": "abio_buffer_release"}[b.Kinds[name]]
		for times := 0; release != "" && times < 8; times++ {
			if b.Call(release, uintptr(handle)) < 0 {
				break
			}
		}
	}
	b.clear()
}

// elsewhere runs a function on another thread, which the library tells from this one.
func elsewhere(run func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // this thread's goroutine waits, so it is another
		defer runtime.UnlockOSThread()
		run()
	}()
	<-done
}

// runManifest prints the line about it.  Drivers are pinned to the thread that first used them, so
// this goroutine keeps to one.
func runManifest(l *abio.Library, generated string) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var m manifest
	text, err := os.ReadFile(filepath.Join(generated, "conformance.json"))
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		panic(err)
	}
	b := newBench(l, &m)
	run, failed, children := 0, 0, 0
	for i := range m.Rows {
		row := &m.Rows[i]
		if row.Where == "child" {
			children++
			continue
		}
		b.clear()
		for _, name := range row.Needs {
			b.make(name)
		}
		var result uintptr
		if row.Where == "thread" {
			elsewhere(func() { result = b.call(row.Function, row.Arguments) })
		} else {
			result = b.call(row.Function, row.Arguments)
		}
		right := false
		switch {
		case row.Code != nil:
			right = (int32(result) == *row.Code) == row.Refused
		case row.Text != nil:
			right = result != 0 && abio.Text(result) == *row.Text
		case row.Head != nil:
			right = result != 0 && *(*uint32)(abio.At(result)) >= row.Head.Size &&
				*(*uint32)(abio.At(result + 8)) == row.Head.Trait
		case row.Null:
			right = result == 0
		}
		run++
		if !check(right) {
			failed++
			fmt.Fprintf(os.Stderr, "FAILED %s %s: got %d\n", row.Function, row.Case, int32(result))
		}
		b.end()
	}
	fmt.Printf("manifest: %d rows run, %d failed; left out: %d rows in a forked child "+
		"(a Go process cannot run Go after fork)\n", run, failed, children)
}
