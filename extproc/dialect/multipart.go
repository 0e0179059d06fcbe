package dialect

import (
	"bytes"
	"fmt"
	"mime"
	"net/textproto"
	"strings"
	"unicode/utf8"
)

// part is one part of a multipart body.
type part struct {
	name, file string
	at         span // of its content
}

// maxParts is the most parts of a body: uploads have few.
const maxParts = 128

// readForm reads a multipart/form-data body and hands each part to take. It is
// strict where parsers differ: the body starts with its first boundary and ends
// with its last, lines end with CR LF, every part has a name, and a field that
// is read comes once and under its true name.
func readForm(call *Call, take map[string]func(c *Call, v string, at span) *Malformed) *Malformed {
	bad := func(what string) *Malformed {
		return &Malformed{Message: "Invalid multipart body: " + what + ".", Code: "invalid_multipart"}
	}
	media, params, err := mime.ParseMediaType(call.in.ContentType)
	if err != nil || media != "multipart/form-data" {
		return &Malformed{Message: "The content type must be multipart/form-data.", Code: "invalid_content_type", Status: 415}
	}
	boundary := params["boundary"]
	if boundary == "" || len(boundary) > 70 {
		return bad("there is no boundary")
	}
	call.form, call.boundary = true, boundary
	body, line := call.in.Body, []byte("--"+boundary)
	if !bytes.HasPrefix(body, line) {
		return bad("it does not begin with the boundary")
	}
	folded := map[string]string{}
	for name := range take {
		folded[foldString(name)] = name
	}
	seen := map[string]bool{}
	at, parts := len(line), 0
	for {
		rest := body[at:]
		if bytes.HasPrefix(rest, []byte("--")) {
			if tail := bytes.TrimRight(rest[2:], "\r\n"); len(tail) > 0 {
				return bad("something follows the last boundary")
			}
			return nil
		}
		if parts++; parts > maxParts {
			return bad("it has too many parts")
		}
		if !bytes.HasPrefix(rest, []byte("\r\n")) {
			return bad("a boundary is not a line")
		}
		at += 2
		end := bytes.Index(body[at-2:], []byte("\r\n\r\n")) // there may be no header at all
		next := bytes.Index(body[at-2:], append([]byte("\r\n"), line...))
		if end < 0 || next < 0 || end > next {
			return bad("a part has no end")
		}
		p, ok := partHead(string(body[at:max(at, at-2+end)]))
		if !ok {
			return bad("a part has no name")
		}
		p.at = span{at - 2 + end + 4, at - 2 + next}
		if p.at.from > p.at.to { // an empty part may lack its line
			return bad("a part has no end")
		}
		at = at - 2 + next + 2 + len(line)
		name := strings.TrimSuffix(p.name, "[]")
		f := take[name]
		if f == nil {
			if like, ok := folded[foldString(name)]; ok {
				return &Malformed{Message: fmt.Sprintf("The field %q must be written %q.", clip([]byte(name)), like), Param: like, Code: "ambiguous_field"}
			}
			continue
		}
		if seen[name] && p.file == "" {
			return &Malformed{Message: fmt.Sprintf("The field %q is given more than once.", name), Param: name, Code: "duplicate_field"}
		}
		seen[name] = true
		value := body[p.at.from:p.at.to]
		if p.file == "" && !utf8.Valid(value) {
			return &Malformed{Message: fmt.Sprintf("The field %q is no UTF-8.", name), Param: name, Code: "invalid_value"}
		}
		if m := f(call, string(value), p.at); m != nil {
			return m
		}
	}
}

// partHead reads the headers of a part. Lines that parsers read differently
// (folded ones, ones without a colon, control characters) are refused.
func partHead(head string) (p part, ok bool) {
	for _, line := range strings.Split(head, "\r\n") {
		name, value, found := strings.Cut(line, ":")
		if line != "" && !found || strings.TrimSpace(name) != name || strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return p, false
		}
		switch textproto.CanonicalMIMEHeaderKey(name) {
		case "Content-Disposition":
			media, params, err := mime.ParseMediaType(strings.TrimSpace(value))
			if ok || err != nil || media != "form-data" || params["name"] == "" {
				return p, false
			}
			p.name, p.file, ok = params["name"], params["filename"], true
		case "Content-Transfer-Encoding":
			if v := strings.ToLower(strings.TrimSpace(value)); v != "binary" && v != "8bit" && v != "7bit" {
				return p, false
			}
		}
	}
	return p, ok
}

// What the parts of a form mean.

func formModel(c *Call, v string, at span) *Malformed {
	c.models = append(c.models, at)
	if c.in.Model == "" {
		c.Model = v
	}
	return nil
}

func formStream(c *Call, v string, _ span) *Malformed {
	switch strings.ToLower(v) {
	case "true", "1":
		c.Stream = true
	case "false", "0", "":
	default:
		return &Malformed{Message: "Invalid type for 'stream': expected a boolean.", Param: "stream", Code: "invalid_type"}
	}
	return nil
}

func formText(c *Call, _ string, at span) *Malformed {
	c.addText(at, plainText)
	return nil
}

func formUser(c *Call, v string, _ span) *Malformed {
	c.EndUser = v
	return nil
}

func formNothing(*Call, string, span) *Malformed { return nil }
