package dialect

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"io"
	"iter"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// inflateMax is how much of a compressed reply is unpacked, in bytes: a bound
// for what a small reply can make us do.
const inflateMax = 256 << 20

// zstdWindow bounds what unpacking one reply holds in memory. It is what RFC 8878 asks
// every decoder to support.
const zstdWindow = 8 << 20

// inflater unpacks a reply as it arrives, only to read it: the client gets the
// bytes as they came. (We ask for replies without compression; some providers
// compress all the same.) Decoders pull, so each
// runs as a coroutine which is resumed with every chunk.
type inflater struct {
	in     []byte // not yet read by the decoder
	ended  bool   // nothing follows in
	next   func() ([]byte, bool)
	stop   func()
	failed bool
}

// newInflater is nil for a reply that is not compressed.
func newInflater(encoding string) *inflater {
	encoding = strings.ToLower(strings.TrimSpace(encoding))
	if encoding == "" || encoding == "identity" {
		return nil
	}
	f := &inflater{}
	var open func(r io.Reader) (io.Reader, error)
	switch encoding {
	case "gzip", "x-gzip":
		open = func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }
	case "deflate": // zlib by the standard, bare by some servers
		open = func(r io.Reader) (io.Reader, error) {
			b := bufio.NewReader(r)
			if head, err := b.Peek(2); err == nil && head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
				return zlib.NewReader(b)
			}
			return flate.NewReader(b), nil
		}
	case "br":
		open = func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil }
	case "zstd":
		open = func(r io.Reader) (io.Reader, error) {
			// With one decoder it works in the goroutine that reads, as a coroutine must.
			return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(zstdWindow))
		}
	default:
		f.failed = true
		return f
	}
	f.next, f.stop = iter.Pull(func(yield func([]byte) bool) {
		src := &pushed{f: f, yield: yield}
		r, err := open(src)
		if closer, ok := r.(*zstd.Decoder); ok {
			defer closer.Close()
		}
		if err != nil {
			f.failed = f.failed || !src.quit
			return
		}
		buf := make([]byte, 16<<10)
		for total := 0; total < inflateMax; {
			n, err := r.Read(buf)
			total += n
			if n > 0 && !yield(buf[:n]) || src.quit {
				return
			}
			if err != nil {
				f.failed = f.failed || err != io.EOF && err != io.ErrUnexpectedEOF
				return
			}
		}
		f.failed = true
	})
	return f
}

// pushed is what the decoder reads from: where there is nothing, it gives the
// turn back with an empty piece.
type pushed struct {
	f     *inflater
	yield func([]byte) bool
	quit  bool
}

func (p *pushed) Read(b []byte) (int, error) {
	for len(p.f.in) == 0 {
		if p.f.ended || p.quit {
			return 0, io.EOF
		}
		if !p.yield(nil) {
			p.quit = true
			return 0, io.EOF
		}
	}
	n := copy(b, p.f.in)
	p.f.in = p.f.in[n:]
	return n, nil
}

// feed unpacks what the chunk completes and hands it to read, the last piece
// with end.
func (f *inflater) feed(p []byte, end bool, read func(p []byte, end bool)) {
	f.in, f.ended = p, end
	for f.next != nil {
		piece, ok := f.next()
		if !ok {
			f.next = nil
			break
		}
		if len(piece) == 0 && len(f.in) == 0 && !end {
			break // it waits for more
		}
		if len(piece) > 0 {
			read(piece, false)
		}
	}
	f.in = nil
	if end {
		read(nil, true)
	}
}

// broken reports whether nothing can be read from the reply.
func (f *inflater) broken() bool { return f != nil && f.failed }

func (f *inflater) close() {
	if f != nil && f.stop != nil {
		f.stop()
		f.next = nil
	}
}
