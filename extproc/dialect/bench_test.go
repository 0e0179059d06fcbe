package dialect

import (
	"bytes"
	"strings"
	"syscall"
	"testing"
)

// cpu starts to measure the processor time of an operation, which a busy
// machine does not stretch as it stretches the wall's.
func cpu(b *testing.B) (report func()) {
	used := func() int64 {
		var u syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
		return u.Utime.Nano() + u.Stime.Nano()
	}
	start := used()
	return func() { b.ReportMetric(float64(used()-start)/float64(b.N), "cpu-ns/op") }
}

// prose is some English, n bytes of it.
func prose(n int) string {
	const s = "The purser keeps the accounts of the ship, and nobody leaves the harbour before the books are balanced. "
	return strings.Repeat(s, n/len(s)+1)[:n]
}

func chatBody(size int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"model":"gpt-4o","stream":true,"temperature":0.7,"messages":[{"role":"system","content":"You are helpful."}`)
	for b.Len() < size {
		b.WriteString(`,{"role":"user","content":"` + strings.ReplaceAll(prose(2000), "balanced. ", `balanced.\n`) + `"}`)
	}
	b.WriteString(`],"max_tokens":500}`)
	return b.Bytes()
}

func BenchmarkReadChat(b *testing.B) {
	for name, size := range map[string]int{"1KB": 300, "64KB": 62_000} {
		body := chatBody(size)
		m, _ := Find("POST", "/v1/chat/completions")
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			defer cpu(b)()
			for b.Loop() {
				if _, err := m.Endpoint.Read(Inbound{Body: body}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkFind(b *testing.B) {
	for b.Loop() {
		Find("POST", "/v1/chat/completions")
	}
}

func BenchmarkMeterFrame(b *testing.B) {
	frame := []byte(`data: {"id":"chatcmpl-9xAbCdEfGhIjKlMnOpQrStUvWx","object":"chat.completion.chunk","created":1725000000,"model":"gpt-4o-2024-08-06","service_tier":"default","system_fingerprint":"fp_1234567890","choices":[{"index":0,"delta":{"content":" accounts"},"logprobs":null,"finish_reason":null}],"usage":null}` + "\n\n")
	m, _ := Find("POST", "/v1/chat/completions")
	call, _ := m.Endpoint.Read(Inbound{Body: []byte(`{"model":"m","stream":true}`)})
	for name, ask := range map[string]bool{"looking": false, "dropping": true} {
		m.Endpoint.Rewrite(call, Change{IncludeUsage: ask})
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(frame)))
			b.ReportAllocs()
			defer cpu(b)()
			meter := m.Endpoint.NewMeter(call, Head{Status: 200, ContentType: "text/event-stream"})
			n := 0
			for b.Loop() {
				if n++; n%4000 == 0 {
					meter = m.Endpoint.NewMeter(call, Head{Status: 200, ContentType: "text/event-stream"})
				}
				meter.Chunk(frame, false)
			}
		})
	}
}

func BenchmarkMeterJSON(b *testing.B) {
	reply := []byte(`{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","content":"` + prose(900) + `"},"finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":9,"total_tokens":21}}`)
	m, _ := Find("POST", "/v1/chat/completions")
	call, _ := m.Endpoint.Read(Inbound{Body: []byte(`{"model":"m"}`)})
	b.SetBytes(int64(len(reply)))
	b.ReportAllocs()
	defer cpu(b)()
	for b.Loop() {
		meter := m.Endpoint.NewMeter(call, Head{Status: 200, ContentType: "application/json"})
		meter.Chunk(reply, true)
		if meter.Result().Usage.Input != 12 {
			b.Fatal("wrong usage")
		}
	}
}
