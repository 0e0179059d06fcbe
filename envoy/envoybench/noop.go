package envoybench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// NoOp is an ext_proc server that decides nothing. Until it has seen one JSON call and one stream it passes their messages
// on to a teacher and remembers its answers; from then on it says the same to everybody: as many mutations, the same
// bodies, the same modes. So what a server costs beyond it is what the server does, not what it says.
type NoOp struct {
	extprocv3.UnimplementedExternalProcessorServer
	teacher *grpc.ClientConn
	json    atomic.Pointer[script]
	stream  atomic.Pointer[script]
}

// script is one answer for each kind of message.
type script struct {
	requestHeaders, requestBody, responseHeaders, responseBody *extprocv3.ProcessingResponse
}

func (s *script) whole() bool {
	return s.requestHeaders != nil && s.requestBody != nil && s.responseHeaders != nil && s.responseBody != nil
}

// NewNoOp makes one that learns from the ext_proc server at teacher, a host:port.
func NewNoOp(teacher string) (*NoOp, error) {
	conn, err := grpc.NewClient(teacher, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("envoybench: %w", err)
	}
	return &NoOp{teacher: conn}, nil
}

// Close ends the connection to the teacher.
func (n *NoOp) Close() error { return n.teacher.Close() }

// Learned reports whether both scripts are known.
func (n *NoOp) Learned() bool { return n.json.Load() != nil && n.stream.Load() != nil }

// Register adds the server to a gRPC server.
func (n *NoOp) Register(g *grpc.Server) { extprocv3.RegisterExternalProcessorServer(g, n) }

// Options are the sizes that Purser's own gRPC server has.
func (n *NoOp) Options() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxConcurrentStreams(1 << 20), grpc.InitialWindowSize(1 << 20), grpc.InitialConnWindowSize(16 << 20),
	}
}

// Process is one request of Envoy's.
func (n *NoOp) Process(stream extprocv3.ExternalProcessor_ProcessServer) error {
	if !n.Learned() {
		return n.learn(stream)
	}
	says := n.json.Load() // both begin the same
	for {
		req, err := stream.Recv()
		if err != nil {
			return over(err)
		}
		var out *extprocv3.ProcessingResponse
		switch m := req.Request.(type) {
		case *extprocv3.ProcessingRequest_RequestHeaders:
			out = says.requestHeaders
		case *extprocv3.ProcessingRequest_RequestBody:
			if streamed(m.RequestBody.GetBody()) {
				says = n.stream.Load()
			}
			out = says.requestBody
		case *extprocv3.ProcessingRequest_ResponseHeaders:
			out = says.responseHeaders
		case *extprocv3.ProcessingRequest_ResponseBody:
			out = says.responseBody
		default:
			return status.Error(codes.Unimplemented, "a message nobody asked for")
		}
		if err := stream.Send(out); err != nil {
			return err
		}
	}
}

// learn passes one request's messages on, and keeps the answers if they are a whole script.
func (n *NoOp) learn(stream extprocv3.ExternalProcessor_ProcessServer) error {
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	teacher, err := extprocv3.NewExternalProcessorClient(n.teacher).Process(ctx)
	if err != nil {
		return err
	}
	var says script
	to := &n.json
	defer func() {
		if says.whole() {
			to.Store(&says)
		}
	}()
	for {
		req, err := stream.Recv()
		if err != nil {
			return over(err)
		}
		if err := teacher.Send(req); err != nil {
			return err
		}
		out, err := teacher.Recv()
		if err != nil {
			return err
		}
		if out.GetImmediateResponse() != nil {
			return status.Error(codes.FailedPrecondition, "the teacher refuses: "+string(out.GetImmediateResponse().GetBody()))
		}
		switch m := req.Request.(type) {
		case *extprocv3.ProcessingRequest_RequestHeaders:
			says.requestHeaders = out
		case *extprocv3.ProcessingRequest_RequestBody:
			if streamed(m.RequestBody.GetBody()) {
				to = &n.stream
			}
			says.requestBody = out
		case *extprocv3.ProcessingRequest_ResponseHeaders:
			says.responseHeaders = out
		case *extprocv3.ProcessingRequest_ResponseBody:
			if says.responseBody == nil { // of a stream, the first chunk's: as most are, it is left alone
				says.responseBody = out
			}
		}
		if err := stream.Send(out); err != nil {
			return err
		}
	}
}

func streamed(body []byte) bool { return bytes.Contains(body, []byte(`"stream":true`)) }

// over tells the end of a request, which Envoy shows in two ways, from a failure.
func over(err error) error {
	if errors.Is(err, io.EOF) || status.Code(err) == codes.Canceled {
		return nil
	}
	return err
}
