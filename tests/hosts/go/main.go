// abio from Go: main LIBRARY GENERATED_DIRECTORY.
//
// The package abio beside this file is what a program would use; here it is shown and checked, once
// with a driver that follows its goroutines, and once with a driver that is locked to a thread.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"

	"abio/host/abio"
)

const (
	lineCount   = 10000
	clientCount = 8
)

var passed, failed int

func check(right bool) bool {
	if right {
		passed++
	} else {
		failed++
	}
	return right
}

// expect counts a comparison, and says on stderr when it does not hold.
func expect(what string, expected, got any) {
	if !check(expected == got) {
		fmt.Fprintf(os.Stderr, "FAILED %s: expected %v, got %v\n", what, expected, got)
	}
}

// must is for what the rest of a part needs.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func line(number int) string { return fmt.Sprintf("line %05d\n", number) }

func showFiles(d *abio.Driver) {
	ctx := context.Background()
	var text bytes.Buffer
	for i := 0; i < lineCount; i++ {
		text.WriteString(line(i))
	}
	out := must(d.OpenFile(ctx, "lines", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644))
	expect("bytes written", int64(text.Len()), must(io.Copy(out, &text)))
	expect("close", nil, out.Close())

	file := must(d.Open(ctx, "lines"))
	for _, number := range []int{lineCount - 1, 0, 4711} {
		got := make([]byte, len(line(0)))
		_, err := file.ReadAt(got, int64(number*len(got)))
		expect("ReadAt", nil, err)
		expect("the line there", line(number), string(got))
	}
	short := make([]byte, 20)
	count, err := file.ReadAt(short, int64((lineCount-1)*len(line(0))))
	expect("a ReadAt over the end", len(line(0)), count)
	expect("its error", io.EOF, err)

	// By Go's own scanner, for a File is an io.Reader; then by the library's reader of lines.
	scanner, right := bufio.NewScanner(file), 0
	for scanner.Scan() && scanner.Text()+"\n" == line(right) {
		right++
	}
	expect("lines of bufio.Scanner", lineCount, right)
	expect("Seek", int64(0), must(file.Seek(0, io.SeekStart)))
	lines, right := must(abio.NewLines(file.Stream, 4096)), 0
	for {
		got, err := lines.Next(ctx)
		if err != nil {
			expect("the end", io.EOF, err)
			break
		}
		if got == line(right) {
			right++
		}
	}
	expect("lines of the library", lineCount, right)
	expect("close of the reader", nil, lines.Close())
	expect("close of the file", nil, file.Close())
	_, err = d.Open(ctx, "missing")
	expect("that errors.Is knows what is missing", true, errors.Is(err, fs.ErrNotExist))
}

// serve answers "GET name" with that file, then the end.
func serve(d *abio.Driver, conn net.Conn) error {
	defer conn.Close()
	request, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return err
	}
	file, err := d.Open(context.Background(), strings.TrimSpace(strings.TrimPrefix(request, "GET ")))
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := io.Copy(conn, file); err != nil { // one operation: see Stream.ReadFrom
		return err
	}
	return conn.(*abio.Conn).CloseWrite()
}

func fetch(d *abio.Driver, address string) ([32]byte, error) {
	digest := sha256.New()
	conn, err := d.DialContext(context.Background(), "tcp", address)
	if err != nil {
		return [32]byte{}, err
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET lines\n"); err != nil {
		return [32]byte{}, err
	}
	_, err = io.Copy(digest, conn)
	return *(*[32]byte)(digest.Sum(nil)), err
}

func showSockets(d *abio.Driver) {
	expected := sha256.Sum256(must(os.ReadFile("lines")))
	listener := must(d.Listen("tcp", "127.0.0.1:0"))
	var serving, fetching sync.WaitGroup
	serving.Add(1)
	served := make(chan error, clientCount)
	go func() {
		defer serving.Done()
		for {
			conn, err := listener.Accept()
			if err != nil {
				served <- err
				return
			}
			serving.Add(1)
			go func() {
				defer serving.Done()
				served <- serve(d, conn)
			}()
		}
	}()
	results := make([]error, clientCount)
	digests := make([][32]byte, clientCount)
	for i := range results {
		fetching.Add(1)
		go func(i int) {
			defer fetching.Done()
			digests[i], results[i] = fetch(d, listener.Addr().String())
		}(i)
	}
	fetching.Wait()
	for i := range results {
		expect("a client", nil, results[i])
		expect("what it fetched", expected, digests[i])
		expect("a connection's end", nil, <-served)
	}
	expect("close of the listener", nil, listener.Close())
	serving.Wait()
	expect("Accept after that", true, errors.Is(<-served, net.ErrClosed))
	showHTTP(d, expected)
}

// showHTTP runs net/http, both its ends, on listeners and connections of the library's.
func showHTTP(d *abio.Driver, expected [32]byte) {
	listener := must(d.Listen("tcp", "127.0.0.1:0"))
	server := &http.Server{Handler: http.FileServer(http.Dir("."))}
	ended := make(chan error)
	go func() { ended <- server.Serve(listener) }()
	transport := &http.Transport{DialContext: d.DialContext}
	client := http.Client{Transport: transport}
	for times := 0; times < 3; times++ {
		response := must(client.Get("http://" + listener.Addr().String() + "/lines"))
		body := must(io.ReadAll(response.Body))
		response.Body.Close()
		expect("what net/http fetched", expected, sha256.Sum256(body))
	}
	transport.CloseIdleConnections()
	expect("shutdown of net/http", nil, server.Shutdown(context.Background()))
	expect("its end", http.ErrServerClosed, <-ended)
}

// showOwnLoop: while one goroutine waits for the library, Go's timers and channels go on.
func showOwnLoop(d *abio.Driver) {
	reader, writer, err := d.Pipe()
	expect("pipe", nil, err)
	var order []string
	fired := make(chan struct{})
	time.AfterFunc(time.Millisecond, func() {
		order = append(order, "timer")
		close(fired)
	})
	go func() {
		<-fired
		io.WriteString(writer, "later")
	}()
	data := make([]byte, 5)
	_, err = io.ReadFull(reader, data)
	order = append(order, "read")
	expect("a read that waits for Go's timer", nil, err)
	expect("what it read", "later", string(data))
	expect("the order", "timer read", strings.Join(order, " "))
	expect("close", nil, reader.Close())
	expect("close", nil, writer.Close())
}

func showCancel(d *abio.Driver) {
	reader, writer, err := d.Pipe()
	expect("pipe", nil, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	data := make([]byte, 10)
	go func() {
		_, err := reader.ReadContext(ctx, data)
		ended <- err
	}()
	cancel()
	expect("a read of a silent stream", true, errors.Is(<-ended, context.Canceled))
	reader.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err = reader.Read(data)
	expect("a read with a deadline", true, errors.Is(err, os.ErrDeadlineExceeded))
	must(io.WriteString(writer, "0123456789"))
	reader.SetReadDeadline(time.Unix(1, 0))
	_, err = reader.Read(data)
	expect("a read whose deadline is past", true, errors.Is(err, os.ErrDeadlineExceeded))
	reader.SetReadDeadline(time.Time{})
	must(io.ReadFull(reader, data))
	expect("every byte", "0123456789", string(data))
	go func() {
		_, err := reader.Read(data)
		ended <- err
	}()
	expect("close", nil, reader.Close())
	expect("a read of a stream that is closed", true, errors.Is(<-ended, net.ErrClosed))
	expect("close", nil, writer.Close())
	showDropped(d)
}

// showDropped: a stream that nobody refers to is closed by the collector, one that is read is not.
func showDropped(d *abio.Driver) {
	reader, writer, err := d.Pipe()
	expect("pipe", nil, err)
	read := make(chan string)
	go func(reader *abio.Stream) {
		data := make([]byte, 5)
		_, err := io.ReadFull(reader, data)
		expect("a read of a stream that only the read refers to", nil, err)
		read <- string(data)
	}(reader)
	reader = nil
	for times := 0; times < 10; times++ {
		runtime.GC()
	}
	must(io.WriteString(writer, "kept."))
	expect("what it read", "kept.", <-read)
	for err == nil {
		runtime.GC()
		_, err = io.WriteString(writer, "x")
	}
	expect("that the end is closed which nobody refers to", true, errors.Is(err, syscall.EPIPE))
	expect("close", nil, writer.Close())
}

// part runs one with each kind of driver, and prints its line.
func part(key, how string, drivers []*abio.Driver, show func(*abio.Driver)) {
	before := failed
	for _, d := range drivers {
		show(d)
	}
	if failed == before {
		fmt.Printf("%s: yes%s\n", key, how)
	} else {
		fmt.Printf("%s: no: see what FAILED\n", key)
	}
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: main LIBRARY GENERATED_DIRECTORY")
		os.Exit(2)
	}
	library, err := abio.Load(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Printf("loads: no: %v\n0 passed, 1 failed\n", err)
		os.Exit(1)
	}
	check(true)
	fmt.Println("loads: yes, libabio", library.Version)
	runManifest(library, os.Args[2])
	drivers := []*abio.Driver{
		must(abio.New(library, abio.Migrating)),
		must(abio.New(library, abio.Locked)),
	}
	part("files", "", drivers, showFiles)
	part("sockets", ", net/http on them too", drivers, showSockets)
	part("own loop", fmt.Sprintf(", Go's netpoller: a driver that follows goroutines (%s), one locked "+
		"to a thread (%s)", drivers[0].Backend(), drivers[1].Backend()), drivers, showOwnLoop)
	part("cancel", "", drivers, showCancel)
	for _, d := range drivers {
		expect("close of a driver", nil, d.Close())
	}
	fmt.Printf("%d passed, %d failed\n", passed, failed)
	if failed > 0 {
		os.Exit(1)
	}
}
