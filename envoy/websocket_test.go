package envoy_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/purser/purser/envoy"
)

// startSocket is a provider that accepts every upgrade and sends back what it gets.
func startSocket(t *testing.T) *backend {
	return startBackend(t, func(w http.ResponseWriter, r *http.Request) {
		conn, rw, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		fmt.Fprintf(rw, "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\nx-authorization: %s\r\n\r\n",
			r.Header.Get("Authorization"))
		rw.Flush()
		_, _ = io.Copy(conn, rw)
	})
}

func TestWebsocketsPassOnTheInferencePlane(t *testing.T) {
	l := startLab(t, func(c *envoy.Config) {
		d := startSocket(t).deployment(t, "realtime")
		d.CredentialPrefix, d.Credential = "Bearer ", secret
		c.Deployments = append(c.Deployments, d)
		c.RequestTimeout = 200 * time.Millisecond // must not end an open socket
	})
	l.proc.Cluster, l.proc.Path = "realtime", "/v1/realtime?model=m"
	conn, err := net.Dial("tcp", l.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(conn, "GET /v1/realtime?model=x HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n"+
		"authorization: Bearer sk-client\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n")
	r := bufio.NewReader(conn)
	res, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != 101 || res.Header.Get("X-Authorization") != "Bearer "+secret {
		t.Fatalf("got %d, credential %q", res.StatusCode, res.Header.Get("X-Authorization"))
	}
	for i := range 5 { // over more than RequestTimeout
		frame := fmt.Sprintf("frame %d", i)
		fmt.Fprint(conn, frame)
		got := make([]byte, len(frame))
		if _, err := io.ReadFull(r, got); err != nil || string(got) != frame {
			t.Fatalf("sent %q, got %q, %v", frame, got, err)
		}
		<-time.After(60 * time.Millisecond)
	}
}

func TestUpgradesAreRefusedOnTheManagementPlane(t *testing.T) {
	l := startLab(t, nil)
	for _, path := range []string{"/key/info", "/ui/"} {
		status, body := raw(t, l.Address, "GET "+path+" HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
		if want := openAIReply(403, "permission_error", "", "", "This path does not accept upgrades."); status != 403 || body != want {
			t.Errorf("%s: got %d %s", path, status, body)
		}
	}
	if l.admin.count() != 0 {
		t.Error("adminsvc was reached")
	}
}
