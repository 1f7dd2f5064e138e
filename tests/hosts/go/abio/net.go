package abio

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"unsafe"
)

// A Conn is a net.Conn: what is written for those runs on it, net/http for one.
type Conn struct {
	*Stream
	local, peer net.Addr
}

// LocalAddr implements net.Conn.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr implements net.Conn.
func (c *Conn) RemoteAddr() net.Addr { return c.peer }

// A Listener is a net.Listener.
type Listener struct {
	stream  *Stream
	address net.Addr
}

// address makes struct abio_address of an IPv4 or IPv6 address.
func (d *Driver) address(a *net.TCPAddr) *Struct {
	family, data := "ABIO_FAMILY_IPV4", a.IP.To4()
	if data == nil {
		family, data = "ABIO_FAMILY_IPV6", a.IP.To16()
	}
	s := d.Struct("address").Set("family", uint32(d.Constant(family))).
		Set("port", uint32(a.Port)).Set("length", uint32(len(data)))
	copy(s.bytes[s.offsets["data"]:], data)
	return s
}

// addresses reads both addresses of a connection.
func (d *Driver) addresses(handle uint64) (local, peer net.Addr) {
	info := d.Struct("io_info")
	d.do(func() int32 {
		return d.Call("abio_info", uintptr(handle), uintptr(info.Pointer()))
	})
	parse := func(name string) net.Addr {
		s := &Struct{d.layouts["address"], info.bytes[info.offsets[name]:]}
		data := s.bytes[s.offsets["data"]:][:s.u32("length")]
		return &net.TCPAddr{IP: append(net.IP{}, data...), Port: int(s.u32("port"))}
	}
	return parse("local"), parse("peer")
}

func (d *Driver) newConn(handle uint64) *Conn {
	conn := &Conn{Stream: d.newStream(handle)}
	conn.local, conn.peer = d.addresses(handle)
	return conn
}

func tcp(network, address string) (*net.TCPAddr, error) {
	a, err := net.ResolveTCPAddr(network, address)
	if err == nil && a.IP == nil {
		err = fmt.Errorf("abio: %q names no host", address)
	}
	return a, err
}

// Listen listens on a TCP address; port 0 is one that the system picks.
func (d *Driver) Listen(network, address string) (*Listener, error) {
	a, err := tcp(network, address)
	if err != nil {
		return nil, err
	}
	where := d.address(a)
	var handle uint64
	code := d.do(func() int32 {
		return d.Call("abio_listen", uintptr(d.handle), uintptr(where.Pointer()), 0,
			uintptr(unsafe.Pointer(&handle)))
	})
	if err := d.check(code); err != nil {
		return nil, &net.OpError{Op: "listen", Net: network, Addr: a, Err: err}
	}
	local, _ := d.addresses(handle)
	return &Listener{d.newStream(handle), local}, nil
}

// Accept implements net.Listener.
func (l *Listener) Accept() (net.Conn, error) {
	d := l.stream.driver
	event, err := l.stream.transfer(context.Background(), nil, func(token uintptr) int32 {
		return d.Call("abio_accept", uintptr(l.stream.handle), 0, token)
	})
	if err != nil {
		return nil, err
	}
	return d.newConn(event.Handle), nil
}

// Close implements net.Listener.
func (l *Listener) Close() error { return l.stream.Close() }

// Addr implements net.Listener.
func (l *Listener) Addr() net.Addr { return l.address }

// DialContext connects, as net.Dialer's does.
func (d *Driver) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	a, err := tcp(network, address)
	if err != nil {
		return nil, err
	}
	where := d.address(a)
	event, err := d.run(ctx, nil, d.handle, func(token uintptr) int32 {
		return d.Call("abio_connect", uintptr(d.handle), uintptr(where.Pointer()), 0, token)
	})
	runtime.KeepAlive(where)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: a, Err: err}
	}
	return d.newConn(event.Handle), nil
}
