package extproc

import (
	"context"
	"errors"
	"io"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extprocv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

// Server answers Envoy's ext_proc streams.
type Server struct {
	cfg           Config
	conversations conversations
	habits        habits
	live          liveSet
	refusals      refusals
	cooldowns     cooldowns
	metrics       *metrics
	open          atomic.Int64 // streams
}

// New makes a Server.
func New(cfg Config) *Server {
	s := &Server{cfg: cfg.withDefaults()}
	s.metrics = newMetrics(cfg.Metrics, s)
	return s
}

// Register adds the server to a gRPC server made with its Options.
func (s *Server) Register(g *grpc.Server) {
	if s.cfg.PlainCodec {
		extprocv3.RegisterExternalProcessorServer(g, plainServer{s: s})
		return
	}
	g.RegisterService(&service, s)
}

// Options are what a grpc.Server for this Server needs. Its messages are read and
// written by a codec of ours, which leaves those of other services alone.
func (s *Server) Options() []grpc.ServerOption {
	options := []grpc.ServerOption{
		// A chunk of a streamed reply can be far above gRPC's 4 MiB.
		grpc.MaxRecvMsgSize(int(max(s.cfg.BodyLimit, 64<<20)) + 1<<20),
		grpc.MaxConcurrentStreams(1 << 20),
		grpc.InitialWindowSize(1 << 20), grpc.InitialConnWindowSize(16 << 20),
	}
	if !s.cfg.PlainCodec {
		options = append(options, grpc.ForceServerCodecV2(newCodec()))
	}
	return options
}

// Run renews live reservations and writes counts of refusals until ctx ends.
func (s *Server) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	if s.cfg.WriteRefusals != nil {
		running.Go(func() { s.refusals.run(ctx, s.cfg.WriteRefusals, s.cfg.Log) })
	}
	s.live.renew(ctx, s.cfg.Ledger, s.cfg.ReservationTTL, s.cfg.Log)
}

// Open counts the requests under way.
func (s *Server) Open() int64 { return s.open.Load() }

// wire is one stream of Envoy's, free of protobuf.
type wire interface {
	Context() context.Context
	recv() (*inbound, error) // valid until the next call
	send(messageKind, *outbound) error
}

// process is one request of Envoy's.
func (s *Server) process(w wire) (err error) {
	makeRoom()
	s.open.Add(1)
	defer s.open.Add(-1)
	x := exchange{s: s, id: s.cfg.NewID()}
	ctx := w.Context()
	s.beginSpan(ctx, &x)
	defer func() {
		if p := recover(); p != nil {
			s.cfg.Log.Error("a request made us panic", "call_id", x.id, "panic", p, "stack", string(debug.Stack()))
			err = status.Error(codes.Internal, "internal error")
		}
		s.finish(ctx, &x)
	}()
	for {
		in, err := w.recv()
		if err != nil {
			// Envoy is done with the request, or it or the client went away: Recv cannot
			// tell which, and nobody reads what we would answer.
			if errors.Is(err, io.EOF) || status.Code(err) == codes.Canceled {
				return nil
			}
			return err
		}
		if in.kind == trailers {
			return status.Error(codes.Unimplemented, "an ext_proc message of a kind this filter is not configured for")
		}
		out, err := x.handle(ctx, in)
		if err != nil {
			s.cfg.Log.Error("a request could not be judged", "call_id", x.id, "err", err)
			return status.Error(codes.Internal, "the request could not be judged")
		}
		if err := w.send(in.kind, &out); err != nil {
			return err
		}
	}
}

// makeRoom grows the goroutine's stack in one step, while next to nothing is on it. A
// request needs some ten kilobytes; to grow there by doubling would copy all its frames
// three times over.
//
//go:noinline
func makeRoom() {
	var room [12 << 10]byte
	spread(&room)
}

//go:noinline
func spread(room *[12 << 10]byte) { room[0] = 1 }

// finish settles, and keeps a panic in settling from killing the process.
func (s *Server) finish(ctx context.Context, x *exchange) {
	defer func() {
		if p := recover(); p != nil {
			s.cfg.Log.Error("settling made us panic", "call_id", x.id, "panic", p, "stack", string(debug.Stack()))
			s.live.remove(x.id)
		}
	}()
	x.close(ctx)
	s.endSpan(x)
}

// plainServer is the service with gRPC's own codec, for comparison.
type plainServer struct {
	extprocv3.UnimplementedExternalProcessorServer
	s *Server
}

// Process is one request of Envoy's.
func (p plainServer) Process(stream extprocv3.ExternalProcessor_ProcessServer) error {
	return p.s.process(plainWire{stream})
}

type plainWire struct {
	extprocv3.ExternalProcessor_ProcessServer
}

func (w plainWire) recv() (*inbound, error) {
	req, err := w.Recv()
	if err != nil {
		return nil, err
	}
	in := read(req)
	return &in, nil
}

func (w plainWire) send(kind messageKind, out *outbound) error { return w.Send(reply(kind, out)) }

// read takes what we need out of a message of Envoy's; trailers are what we do not.
func read(req *extprocv3.ProcessingRequest) inbound {
	in := inbound{kind: trailers}
	switch m := req.Request.(type) {
	case *extprocv3.ProcessingRequest_RequestHeaders:
		in = inbound{kind: requestHeaders, headers: readHeaders(m.RequestHeaders.GetHeaders()), end: m.RequestHeaders.GetEndOfStream()}
	case *extprocv3.ProcessingRequest_RequestBody:
		in = inbound{kind: requestBody, body: m.RequestBody.GetBody(), end: m.RequestBody.GetEndOfStream()}
	case *extprocv3.ProcessingRequest_ResponseHeaders:
		in = inbound{kind: responseHeaders, headers: readHeaders(m.ResponseHeaders.GetHeaders()), end: m.ResponseHeaders.GetEndOfStream()}
	case *extprocv3.ProcessingRequest_ResponseBody:
		in = inbound{kind: responseBody, body: m.ResponseBody.GetBody(), end: m.ResponseBody.GetEndOfStream()}
	}
	if in.kind == requestHeaders || in.kind == responseHeaders {
		in.attrs = readAttributes(req.Attributes)
	}
	if c := req.GetMetadataContext().GetFilterMetadata()[claimsNamespace]; c != nil && in.kind == requestHeaders {
		in.claims, _ = proto.Marshal(c)
	}
	return in
}

// readHeaders joins repeated fields with commas but for those where a second one
// is an attempt to be judged by the first.
func readHeaders(m *corev3.HeaderMap) headers {
	out := make(headers, 0, len(m.GetHeaders()))
	for _, h := range m.GetHeaders() {
		value := string(h.RawValue)
		if value == "" {
			value = h.Value
		}
		out = append(out, header{strings.ToLower(h.Key), value})
	}
	return out
}

// readAttributes flattens what Envoy tells beside the message.
func readAttributes(all map[string]*structpb.Struct) map[string]string {
	if len(all) == 0 {
		return nil
	}
	out := map[string]string{}
	for _, s := range all {
		for k, v := range s.GetFields() {
			switch v := v.GetKind().(type) {
			case *structpb.Value_StringValue:
				out[k] = v.StringValue
			case *structpb.Value_NumberValue:
				out[k] = formatNumber(v.NumberValue)
			}
		}
	}
	learnDeployment(out)
	return out
}

// readClaims are the payloads in jwt_authn's metadata: one field for each provider,
// named as the mesh likes.
func readClaims(data []byte) (out []map[string]any) {
	var all structpb.Struct
	if len(data) == 0 || proto.Unmarshal(data, &all) != nil {
		return nil
	}
	for _, v := range all.GetFields() {
		if s := v.GetStructValue(); s != nil {
			out = append(out, s.AsMap())
		}
	}
	return out
}

func formatNumber(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// learnDeployment adds who served, where Envoy tells.
func learnDeployment(attrs map[string]string) {
	if meta := attrs["xds.upstream_host_metadata"]; meta != "" {
		attrs["deployment"] = deploymentIn(meta)
	}
}

// deploymentIn finds our endpoint metadata in the text form Envoy sends it in.
func deploymentIn(text string) string {
	_, rest, ok := strings.Cut(text, `"deployment"`)
	if !ok {
		return ""
	}
	_, rest, ok = strings.Cut(rest, `string_value:`)
	if !ok {
		return ""
	}
	_, rest, _ = strings.Cut(rest, `"`)
	name, _, _ := strings.Cut(rest, `"`)
	return name
}

func itoa(n int) string { return strconv.Itoa(n) }
