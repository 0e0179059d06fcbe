package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// query is one kind of request, sent over and over.
type query struct {
	name    string
	body    string
	stream  bool
	events  int    // the data lines that a whole stream has at least
	carries string // a response header that must be there; "" for none
}

// bytes is the request as it goes over the wire, to any host.
func (q query) bytes(key string) []byte {
	return []byte("POST /v1/chat/completions HTTP/1.1\r\nHost: bench.local\r\nUser-Agent: purser-bench\r\nAuthorization: Bearer " + key +
		"\r\nContent-Type: application/json\r\nAccept: */*\r\nContent-Length: " + strconv.Itoa(len(q.body)) + "\r\n\r\n" + q.body)
}

// client is one connection that is kept open. Its own CPU time counts for nobody, but it takes it from the same machine,
// so it does no more than it must.
type client struct {
	conn net.Conn
	in   *bufio.Reader
	buf  []byte
}

func dial(ctx context.Context, address string) (*client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, in: bufio.NewReaderSize(conn, 16<<10), buf: make([]byte, 16<<10)}, nil
}

// took is how long one request took: to the first byte of the reply's body, and to its last.
type took struct{ first, whole time.Duration }

// do sends one request and reads the whole reply, which must be what the query expects.
func (c *client) do(request []byte, q query) (took, error) {
	began := time.Now()
	if err := c.conn.SetDeadline(began.Add(30 * time.Second)); err != nil {
		return took{}, err
	}
	if _, err := c.conn.Write(request); err != nil {
		return took{}, err
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return took{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 500))
		return took{}, fmt.Errorf("status %d: %s", resp.StatusCode, text)
	}
	if q.carries != "" && resp.Header.Get(q.carries) == "" {
		return took{}, fmt.Errorf("the reply has no header %s", q.carries)
	}
	var t took
	var size, events int
	last := byte('\n')
	for {
		n, err := resp.Body.Read(c.buf)
		if n > 0 {
			if t.first == 0 {
				t.first = time.Since(began)
			}
			size += n
			if q.stream {
				// Only lines of events begin with a d; the end of a line may have been the last byte of the read before.
				if last == '\n' && c.buf[0] == 'd' {
					events++
				}
				events += bytes.Count(c.buf[:n], []byte("\nd"))
				last = c.buf[n-1]
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return took{}, err
		}
	}
	t.whole = time.Since(began)
	switch {
	case size == 0:
		return took{}, errors.New("an empty reply")
	case q.stream && events < q.events:
		return took{}, fmt.Errorf("a stream of %d events, want %d", events, q.events)
	}
	return t, nil
}

// loader keeps a number of requests under way at one address.
type loader struct {
	clients []*client
	request []byte
	query   query
}

func newLoader(ctx context.Context, address, key string, q query, concurrency int) (*loader, error) {
	l := &loader{request: q.bytes(key), query: q}
	for range concurrency {
		c, err := dial(ctx, address)
		if err != nil {
			l.close()
			return nil, err
		}
		l.clients = append(l.clients, c)
	}
	return l, nil
}

func (l *loader) close() {
	for _, c := range l.clients {
		_ = c.conn.Close()
	}
}

// run sends n requests, fewer if bound is over first, and returns how long each took. Any failure is an error: a figure
// over requests of which some failed would be about something else.
func (l *loader) run(ctx context.Context, n int, bound time.Duration) ([]took, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, bound, errBound)
	defer cancel()
	var next atomic.Int64
	var failed atomic.Pointer[error]
	each := make([][]took, len(l.clients))
	var workers sync.WaitGroup
	for i, c := range l.clients {
		workers.Go(func() {
			for next.Add(1) <= int64(n) && ctx.Err() == nil && failed.Load() == nil {
				t, err := c.do(l.request, l.query)
				if err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
				each[i] = append(each[i], t)
			}
		})
	}
	workers.Wait()
	if err := failed.Load(); err != nil {
		return nil, *err
	}
	if ctx.Err() != nil && !errors.Is(context.Cause(ctx), errBound) {
		return nil, ctx.Err()
	}
	var all []took
	for _, e := range each {
		all = append(all, e...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("not one request was done within %s", bound)
	}
	return all, nil
}

var errBound = errors.New("the time of this slot is over")
