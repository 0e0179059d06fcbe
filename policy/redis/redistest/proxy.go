package redistest

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Proxy stands before a server and can keep one command on its way: its client may
// give up and hang up, it arrives all the same when it is let go.
type Proxy struct {
	Addr string
	to   string

	mu   sync.Mutex
	part []byte // the command to keep has it in it; nil: none is to be kept
	kept *Kept
	open []net.Conn
	over bool
}

// Kept is a command on its way. Its client never has the answer.
type Kept struct {
	Here     chan struct{} // closed when it has come to the proxy
	Answered chan struct{} // closed when the server has answered it
	pass     chan struct{}
}

// NewProxy listens until the test ends.
func NewProxy(t testing.TB, to string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: listener.Addr().String(), to: to}
	go p.serve(listener)
	t.Cleanup(func() {
		_ = listener.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		p.over = true
		for _, c := range p.open {
			_ = c.Close()
		}
	})
	return p
}

// Keep makes the next command that has part in it wait for Arrive.
func (p *Proxy) Keep(part string) *Kept {
	k := &Kept{Here: make(chan struct{}), Answered: make(chan struct{}), pass: make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.part, p.kept = []byte(part), k
	return k
}

// Lose lets the next command that has part in it through, and loses its answer.
func (p *Proxy) Lose(part string) *Kept {
	k := p.Keep(part)
	close(k.pass)
	return k
}

// Arrive lets it go on, and returns when the server has answered it.
func (k *Kept) Arrive() {
	close(k.pass)
	<-k.Answered
}

func (p *Proxy) serve(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.to)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.open = append(p.open, client, server)
		if p.over {
			_, _ = client.Close(), server.Close()
		}
		p.mu.Unlock()
		var kept atomic.Pointer[Kept]
		go p.commands(client, server, &kept)
		go answers(server, client, &kept)
	}
}

func (p *Proxy) commands(client, server net.Conn, kept *atomic.Pointer[Kept]) {
	defer server.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			return
		}
		k := p.take(buf[:n])
		if k != nil {
			kept.Store(k)
			close(k.Here)
			<-k.pass
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
		if k != nil {
			<-k.Answered
			return
		}
	}
}

func (p *Proxy) take(command []byte) *Kept {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.part == nil || !bytes.Contains(command, p.part) {
		return nil
	}
	p.part = nil
	return p.kept
}

func answers(server, client net.Conn, kept *atomic.Pointer[Kept]) {
	defer client.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := server.Read(buf)
		if k := kept.Load(); k != nil {
			close(k.Answered)
			return
		}
		if err != nil {
			return
		}
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}
