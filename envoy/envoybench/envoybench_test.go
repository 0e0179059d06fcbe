package envoybench_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/purser/purser/envoy"
	"github.com/purser/purser/envoy/envoybench"
)

func config() envoy.Config {
	return envoy.Config{
		ExtProc: []string{"127.0.0.1:9"}, AdminSvc: []string{"127.0.0.1:9"},
		Deployments: []envoy.Deployment{{Name: "llm-a", Endpoint: envoy.Endpoint{Scheme: "http", Host: "127.0.0.1", Port: 9}, Credential: "pk", CredentialPrefix: "Bearer "}},
	}
}

func TestEnvoyTakesBothConfigurations(t *testing.T) {
	binary, err := envoy.FindBinary()
	if err != nil {
		t.Fatal(err)
	}
	for name, render := range map[string]func(envoy.Config) ([]byte, error){"with": envoybench.YAML, "alone": envoybench.AloneYAML} {
		text, err := render(config())
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), name+".yaml")
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := envoy.ValidateFile(ctx, binary, file); err != nil {
			t.Error(err)
		}
		if has := bytes.Contains(text, []byte("name: envoy.filters.http.ext_proc")); has != (name == "with") {
			t.Errorf("%s: ext_proc is in it: %v", name, has)
		}
		if !bytes.Contains(text, []byte("port_value: 0")) {
			t.Errorf("%s: a port is fixed", name)
		}
	}
}

func TestAloneNeedsOneDeployment(t *testing.T) {
	cfg := config()
	cfg.Deployments = nil
	if _, err := envoybench.AloneYAML(cfg); err == nil {
		t.Error("where would the calls go?")
	}
}

// teacher answers with mutations that tell what it was asked.
type teacher struct {
	extprocv3.UnimplementedExternalProcessorServer
	refuses bool
}

func (s *teacher) Process(stream extprocv3.ExternalProcessor_ProcessServer) error {
	for {
		req, err := stream.Recv()
		if err != nil {
			return nil
		}
		out := &extprocv3.ProcessingResponse{}
		switch m := req.Request.(type) {
		case *extprocv3.ProcessingRequest_RequestHeaders:
			out.Response = &extprocv3.ProcessingResponse_RequestHeaders{RequestHeaders: &extprocv3.HeadersResponse{}}
		case *extprocv3.ProcessingRequest_RequestBody:
			out.Response = &extprocv3.ProcessingResponse_RequestBody{RequestBody: &extprocv3.BodyResponse{Response: &extprocv3.CommonResponse{
				ClearRouteCache: true, HeaderMutation: &extprocv3.HeaderMutation{RemoveHeaders: []string{"authorization"}},
				BodyMutation: &extprocv3.BodyMutation{Mutation: &extprocv3.BodyMutation_Body{Body: append([]byte("changed "), m.RequestBody.Body...)}},
			}}}
			if s.refuses {
				out.Response = &extprocv3.ProcessingResponse_ImmediateResponse{ImmediateResponse: &extprocv3.ImmediateResponse{Body: []byte("no budget")}}
			}
		case *extprocv3.ProcessingRequest_ResponseHeaders:
			out.Response = &extprocv3.ProcessingResponse_ResponseHeaders{ResponseHeaders: &extprocv3.HeadersResponse{Response: &extprocv3.CommonResponse{
				HeaderMutation: &extprocv3.HeaderMutation{SetHeaders: []*corev3.HeaderValueOption{{Header: &corev3.HeaderValue{Key: "x-a", RawValue: []byte("b")}}}},
			}}}
			out.ModeOverride = &filterv3.ProcessingMode{ResponseBodyMode: filterv3.ProcessingMode_STREAMED}
		case *extprocv3.ProcessingRequest_ResponseBody:
			out.Response = &extprocv3.ProcessingResponse_ResponseBody{ResponseBody: &extprocv3.BodyResponse{}}
		}
		if err := stream.Send(out); err != nil {
			return err
		}
	}
}

func serve(t *testing.T, register func(*grpc.Server), options ...grpc.ServerOption) (string, *grpc.Server) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(options...)
	register(g)
	go func() { _ = g.Serve(l) }()
	t.Cleanup(g.Stop)
	return l.Addr().String(), g
}

// say plays Envoy's part: the messages of one request, and what was answered to each.
func say(t *testing.T, address string, body string, chunks int) ([]*extprocv3.ProcessingResponse, error) {
	t.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stream, err := extprocv3.NewExternalProcessorClient(conn).Process(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	messages := []*extprocv3.ProcessingRequest{
		{Request: &extprocv3.ProcessingRequest_RequestHeaders{RequestHeaders: &extprocv3.HttpHeaders{}}},
		{Request: &extprocv3.ProcessingRequest_RequestBody{RequestBody: &extprocv3.HttpBody{Body: []byte(body)}}},
		{Request: &extprocv3.ProcessingRequest_ResponseHeaders{ResponseHeaders: &extprocv3.HttpHeaders{}}},
	}
	for range chunks {
		messages = append(messages, &extprocv3.ProcessingRequest{Request: &extprocv3.ProcessingRequest_ResponseBody{ResponseBody: &extprocv3.HttpBody{Body: []byte("x")}}})
	}
	var out []*extprocv3.ProcessingResponse
	for _, m := range messages {
		if err := stream.Send(m); err != nil && err != io.EOF {
			return out, err
		}
		r, err := stream.Recv()
		if err != nil {
			return out, err
		}
		out = append(out, r)
	}
	if err := stream.CloseSend(); err != nil {
		return out, err
	}
	_, err = stream.Recv() // returns when the server is done, and has learnt
	if err == io.EOF {
		err = nil
	}
	return out, err
}

const (
	plainBody  = `{"stream":false}`
	streamBody = `{"stream":true}`
)

func TestNoOpSaysWhatItsTeacherSaid(t *testing.T) {
	address, server := serve(t, func(g *grpc.Server) { extprocv3.RegisterExternalProcessorServer(g, &teacher{}) })
	noop, err := envoybench.NewNoOp(address)
	if err != nil {
		t.Fatal(err)
	}
	defer noop.Close()
	pupil, _ := serve(t, noop.Register, noop.Options()...)
	want := map[string][]*extprocv3.ProcessingResponse{}
	for _, body := range []string{plainBody, streamBody} {
		if noop.Learned() {
			t.Fatal("learned before it was taught")
		}
		if want[body], err = say(t, pupil, body, 3); err != nil {
			t.Fatal(err)
		}
	}
	if !noop.Learned() {
		t.Fatal("it has learnt nothing")
	}
	server.Stop()
	for _, body := range []string{streamBody, plainBody} {
		got, err := say(t, pupil, body, 3)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if !proto.Equal(got[i], want[body][i]) {
				t.Errorf("%s, message %d: %v, the teacher said %v", body, i, got[i], want[body][i])
			}
		}
		if body := got[1].GetRequestBody().GetResponse().GetBodyMutation().GetBody(); !bytes.HasPrefix(body, []byte("changed ")) {
			t.Errorf("the body became %q", body)
		}
	}
}

func TestNoOpLearnsNothingFromARefusal(t *testing.T) {
	address, _ := serve(t, func(g *grpc.Server) { extprocv3.RegisterExternalProcessorServer(g, &teacher{refuses: true}) })
	noop, err := envoybench.NewNoOp(address)
	if err != nil {
		t.Fatal(err)
	}
	defer noop.Close()
	pupil, _ := serve(t, noop.Register)
	if _, err := say(t, pupil, plainBody, 1); err == nil || !strings.Contains(err.Error(), "no budget") {
		t.Errorf("got %v", err)
	}
	// A request that ends half way is no lesson either.
	if _, err := say(t, pupil, plainBody, 0); err == nil {
		t.Error("no error")
	}
	if noop.Learned() {
		t.Error("it learnt from a refusal")
	}
}
