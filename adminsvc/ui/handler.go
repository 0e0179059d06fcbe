package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"embed"
	"encoding/base64"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

//go:embed all:dist
var dist embed.FS

const (
	noncePlace = "__CSP_NONCE__" // where index.html wants it
	unbuilt    = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Purser</title>
<body><h1>The web UI is not part of this build</h1>
<p>Run <code>make ui</code> (Node 20 or newer), then build again. The API is described at <a href="/docs">/docs</a>.</p></body></html>
`
)

// file is one file of the build.
type file struct {
	plain []byte
	kind  string
	// zipped is its gzip form, nil where that is no shorter: made when first asked for.
	zipped func() []byte
}

// Handler serves GET and HEAD of /ui and all below it.
func Handler() http.Handler { return newHandler(dist) }

type handler struct {
	files map[string]file // by path below dist
	index string          // "" without a build
}

func newHandler(build fs.FS) *handler {
	h := &handler{files: map[string]file{}}
	_ = fs.WalkDir(build, "dist", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(build, name)
		if err != nil {
			return err
		}
		name = strings.TrimPrefix(name, "dist/")
		kind := mime.TypeByExtension(path.Ext(name))
		switch path.Ext(name) { // what the machine's own table says may differ
		case ".js":
			kind = "text/javascript; charset=utf-8"
		case ".woff2":
			kind = "font/woff2"
		}
		h.files[name] = file{plain: b, kind: kind, zipped: sync.OnceValue(func() []byte { return zip(b) })}
		return nil
	})
	h.index = string(h.files["index.html"].plain)
	delete(h.files, "index.html")
	delete(h.files, ".keep")
	return h
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
		return
	}
	if r.URL.Path == "/ui" {
		to := "/ui/"
		if r.URL.RawQuery != "" {
			to += "?" + r.URL.RawQuery
		}
		http.Redirect(w, r, to, http.StatusTemporaryRedirect)
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/ui/")
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	f, ok := h.files[name]
	switch {
	case ok && strings.HasPrefix(name, "assets/"):
		header.Set("Cache-Control", "public, max-age=31536000, immutable")
		send(w, r, f.kind, f.plain, f.zipped)
	case ok:
		header.Set("Cache-Control", "public, max-age=3600")
		send(w, r, f.kind, f.plain, f.zipped)
	case strings.HasPrefix(name, "assets/"):
		http.NotFound(w, r)
	default:
		h.page(w, r)
	}
}

// page sends index.html with a nonce of its own.
func (h *handler) page(w http.ResponseWriter, r *http.Request) {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails: crypto/rand stops the process instead
	nonce := base64.RawURLEncoding.EncodeToString(random[:])
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-"+nonce+"'; img-src 'self' data:; font-src 'self'; "+
		"connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
	body := h.index
	if body == "" {
		body = unbuilt
	}
	b := []byte(strings.ReplaceAll(body, noncePlace, nonce))
	send(w, r, "text/html; charset=utf-8", b, func() []byte { return nil })
}

func send(w http.ResponseWriter, r *http.Request, kind string, plain []byte, zipped func() []byte) {
	header := w.Header()
	header.Set("Content-Type", kind)
	header.Add("Vary", "Accept-Encoding")
	body := plain
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		if z := zipped(); z != nil {
			body = z
			header.Set("Content-Encoding", "gzip")
		}
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client left: nobody to tell
	}
}

// acceptsGzip reads an Accept-Encoding header: gzip named, and not with a weight of 0.
func acceptsGzip(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		coding, weight, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			q, found := strings.CutPrefix(strings.TrimSpace(weight), "q=")
			return !found || strings.Trim(q, "0.") != ""
		}
	}
	return false
}

func zip(b []byte) []byte {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil
	}
	if _, err = z.Write(b); err != nil || z.Close() != nil || out.Len() >= len(b) {
		return nil
	}
	return out.Bytes()
}
