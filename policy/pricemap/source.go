package pricemap

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// SourceConfig says where a price map comes from.
type SourceConfig struct {
	From   string        // a file, or an http or https URL
	Keep   string        // folder for the last good copy of a URL; "": none is kept
	Every  time.Duration // how often it is read again; default 24 h, a file 2 s
	Wait   time.Duration // for one reading of a URL, all of it; default 20 s
	Client *http.Client  // default one of its own
	Log    *slog.Logger  // default discards
}

// Source reads a price map that others write, again and again. Whatever is wrong with
// it later (gone, cut, hanging, endless, no price map), the map in force stays so.
type Source struct {
	cfg   SourceConfig
	url   *url.URL // nil: a file
	tag   string   // the URL's ETag, as it was last read
	stamp string   // the file's time and length
}

const (
	mostBytes = 64 << 20 // LiteLLM's own is 2 MB
	// leastShare is how much of the map in force a new one must have: one that has lost
	// most of its models was cut, and would make them free.
	leastShare = 2
)

// errSame says that there is nothing new.
var errSame = errors.New("unchanged")

// NewSource makes a source. The error says why From can be none.
func NewSource(cfg SourceConfig) (*Source, error) {
	s := &Source{cfg: cfg}
	if strings.Contains(cfg.From, "://") {
		u, err := url.Parse(cfg.From)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, errors.New("the price map is neither a file nor an http or https URL")
		}
		s.url = u
	}
	every := 2 * time.Second
	if s.url != nil {
		every = 24 * time.Hour
	}
	s.cfg.Every, s.cfg.Wait = cmp.Or(cfg.Every, every), cmp.Or(cfg.Wait, 20*time.Second)
	if cfg.Client == nil {
		s.cfg.Client = &http.Client{CheckRedirect: func(to *http.Request, via []*http.Request) error {
			if len(via) >= 5 || s.url.Scheme == "https" && to.URL.Scheme != "https" {
				return errors.New("it leads elsewhere")
			}
			return nil
		}}
	}
	if cfg.Log == nil {
		s.cfg.Log = slog.New(slog.DiscardHandler)
	}
	return s, nil
}

// Name is where the map comes from, without what may be secret in it.
func (s *Source) Name() string {
	if s.url == nil {
		return s.cfg.From
	}
	return s.url.Scheme + "://" + s.url.Host + s.url.EscapedPath()
}

// Open is the map to start with: a file must be there and right; for a URL that cannot
// be read now the last good copy, else the embedded map.
func (s *Source) Open(ctx context.Context) (*Map, error) {
	m, err := s.read(ctx, nil)
	if err == nil || s.url == nil {
		return m, err
	}
	if kept, keptErr := s.kept(); keptErr == nil {
		s.cfg.Log.Warn("the price map cannot be read; its last good copy is in force", "from", s.Name(), "error", err, "models", kept.Len())
		return kept, nil
	}
	s.cfg.Log.Warn("the price map cannot be read, and there is no copy of it; the built-in one is in force", "from", s.Name(), "error", err, "built_in", Default().Version())
	return Default(), nil
}

// Run reads the map again and again until ctx ends, and hands over each new one.
func (s *Source) Run(ctx context.Context, now *Map, put func(*Map)) {
	tick := time.NewTicker(s.cfg.Every)
	defer tick.Stop()
	said := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		next, err := s.read(ctx, now)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errSame):
			said = ""
		case err != nil:
			if text := err.Error(); text != said { // once, not each time
				s.cfg.Log.Warn("the new price map cannot be used; the old one stays in force", "from", s.Name(), "error", err, "models", now.Len())
				said = text
			}
		default:
			s.cfg.Log.Info("the price map was read anew", "from", s.Name(), "models", next.Len(), "unpriced", next.Skipped())
			now, said = next, ""
			put(next)
		}
	}
}

// read reads the map, errSame where it is what was read before.
func (s *Source) read(ctx context.Context, now *Map) (*Map, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Wait)
	defer cancel()
	data, tag, stamp, err := s.bytes(ctx)
	if err != nil {
		return nil, err
	}
	m, err := Parse(data)
	switch {
	case err != nil:
		return nil, err
	case m.Len() == 0:
		return nil, errors.New("it has no models")
	case now != nil && now != Default() && m.Len() < now.Len()/leastShare:
		return nil, fmt.Errorf("it has %d models only, of %d before", m.Len(), now.Len())
	}
	s.tag, s.stamp = tag, stamp
	if s.url != nil && s.cfg.Keep != "" {
		if err := s.keep(data); err != nil {
			s.cfg.Log.Warn("no copy of the price map could be kept", "error", err)
		}
	}
	return m, nil
}

func (s *Source) bytes(ctx context.Context) (data []byte, tag, stamp string, err error) {
	if s.url == nil {
		info, err := os.Stat(s.cfg.From)
		if err != nil {
			return nil, "", "", err
		}
		stamp = fmt.Sprint(info.ModTime().UnixNano(), info.Size())
		if stamp == s.stamp {
			return nil, "", "", errSame
		}
		file, err := os.Open(s.cfg.From)
		if err != nil {
			return nil, "", "", err
		}
		defer file.Close()
		data, err = bounded(file)
		return data, "", stamp, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url.String(), nil)
	if err != nil {
		return nil, "", "", errors.New("no request can be made of it")
	}
	if s.tag != "" {
		req.Header.Set("if-none-match", s.tag)
	}
	reply, err := s.cfg.Client.Do(req)
	if err != nil {
		var of *url.Error
		if errors.As(err, &of) {
			err = of.Err // without the URL, which may hold a token
		}
		return nil, "", "", err
	}
	defer reply.Body.Close()
	switch reply.StatusCode {
	case http.StatusOK:
	case http.StatusNotModified:
		return nil, "", "", errSame
	default:
		return nil, "", "", fmt.Errorf("its server answered %d", reply.StatusCode)
	}
	data, err = bounded(reply.Body)
	return data, reply.Header.Get("etag"), "", err
}

func bounded(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, mostBytes+1))
	if err == nil && len(data) > mostBytes {
		err = fmt.Errorf("it is larger than %d MiB", mostBytes>>20)
	}
	return data, err
}

// file is where the copy of this URL is kept: another URL's is not taken for it.
func (s *Source) file() string {
	sum := sha256.Sum256([]byte(s.url.String()))
	return filepath.Join(s.cfg.Keep, "prices-"+hex.EncodeToString(sum[:6])+".json")
}

// keep writes the copy whole or not at all.
func (s *Source) keep(data []byte) error {
	if old, err := os.ReadFile(s.file()); err == nil && bytes.Equal(old, data) {
		return nil
	}
	if err := os.MkdirAll(s.cfg.Keep, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(s.cfg.Keep, "prices-*.part")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.Name(), s.file())
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

func (s *Source) kept() (*Map, error) {
	if s.cfg.Keep == "" {
		return nil, os.ErrNotExist
	}
	f, err := os.Open(s.file())
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := bounded(f)
	if err != nil {
		return nil, err
	}
	m, err := Parse(data)
	if err == nil && m.Len() == 0 {
		err = errors.New("it has no models")
	}
	return m, err
}
