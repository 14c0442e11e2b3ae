// Command cri asks an engine for what a kubelet asks of it, over the Container Runtime Interface. It is a module of its
// own: what it needs, gRPC above all, is nothing that the runtime shall ever depend on.
//
//	cri [-at SOCKET] METHOD [ARGUMENT…]
//
// METHOD is one of
//
//	call NAME JSON              any method of the runtime service, with its request; prints the answer as JSON
//	exec ID COMMAND…            a stream into a new process: standard input, output, error, and the exit status
//	attach ID                   a stream into the container's process
//	forward POD PORT            standard input to a port of the pod, its answer to standard output
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func main() {
	at := flag.String("at", "/run/containerd/containerd.sock", "socket of the engine")
	flag.Parse()
	status, err := run(*at, flag.Args())
	if err != nil {
		fmt.Fprintln(os.Stderr, "cri:", err)
		status = 125
	}
	os.Exit(status)
}

func run(at string, arg []string) (int, error) {
	if len(arg) < 2 {
		return 0, errors.New("usage: cri [-at SOCKET] call|exec|attach|forward ARGUMENT…")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := grpc.NewClient("unix://"+at, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	c := cri.NewRuntimeServiceClient(conn)
	switch arg[0] {
	case "call":
		return 0, call(ctx, conn, arg[1], strings.Join(arg[2:], " "))
	case "exec":
		r, err := c.Exec(ctx, &cri.ExecRequest{ContainerId: arg[1], Cmd: arg[2:], Stdin: true, Stdout: true, Stderr: true})
		if err != nil {
			return 0, err
		}
		return stream(r.Url)
	case "attach":
		r, err := c.Attach(ctx, &cri.AttachRequest{ContainerId: arg[1], Stdin: true, Stdout: true, Stderr: true})
		if err != nil {
			return 0, err
		}
		return stream(r.Url)
	case "forward":
		if len(arg) != 3 {
			return 0, errors.New("usage: forward POD PORT")
		}
		port, err := strconv.ParseInt(arg[2], 10, 32)
		if err != nil {
			return 0, err
		}
		r, err := c.PortForward(ctx, &cri.PortForwardRequest{PodSandboxId: arg[1], Port: []int32{int32(port)}})
		if err != nil {
			return 0, err
		}
		return 0, forward(r.Url)
	}
	return 0, fmt.Errorf("no method %q", arg[0])
}

// call finds the method by its name: requests and answers are those of the service's description.
func call(ctx context.Context, conn *grpc.ClientConn, name, request string) error {
	for _, service := range []string{"runtime.v1.RuntimeService", "runtime.v1.ImageService"} {
		d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(service))
		if err != nil {
			return err
		}
		s, ok := d.(protoreflect.ServiceDescriptor)
		if !ok {
			return fmt.Errorf("%s is no service", service)
		}
		m := s.Methods().ByName(protoreflect.Name(name))
		if m == nil {
			continue
		}
		in, out := dynamicpb.NewMessage(m.Input()), dynamicpb.NewMessage(m.Output())
		if request != "" {
			if err := protojson.Unmarshal([]byte(request), in); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		if err := conn.Invoke(ctx, "/"+service+"/"+name, in, out); err != nil {
			return err
		}
		b, err := protojson.MarshalOptions{EmitUnpopulated: true}.Marshal(out)
		if err != nil {
			return err
		}
		// What protojson writes has blanks at random places, on purpose.
		var compact bytes.Buffer
		if err := json.Compact(&compact, b); err != nil {
			return err
		}
		fmt.Println(compact.String())
		return nil
	}
	return fmt.Errorf("no method %q", name)
}

// Channels of a stream: the first byte of each message, by the protocol channel.k8s.io.
const (
	stdin = iota
	stdout
	stderr
	failure
)

func dial(url, protocol string) (*websocket.Conn, error) {
	c, err := websocket.NewConfig("ws"+strings.TrimPrefix(url, "http"), "http://localhost/")
	if err != nil {
		return nil, err
	}
	c.Protocol = []string{protocol}
	ws, err := c.DialContext(context.Background())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	return ws, nil
}

// stream gives its exit status from what the error channel says in the end.
func stream(url string) (int, error) {
	ws, err := dial(url, "v4.channel.k8s.io")
	if err != nil {
		return 0, err
	}
	defer ws.Close()
	go func() {
		part := make([]byte, 4096)
		for {
			n, err := os.Stdin.Read(part)
			if n > 0 {
				if websocket.Message.Send(ws, append([]byte{stdin}, part[:n]...)) != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	for {
		var m []byte
		err := websocket.Message.Receive(ws, &m)
		if errors.Is(err, io.EOF) {
			return 0, nil
		}
		if err != nil || len(m) == 0 {
			return 0, err
		}
		switch m[0] {
		case stdout:
			os.Stdout.Write(m[1:])
		case stderr:
			os.Stderr.Write(m[1:])
		case failure:
			if len(m) == 1 {
				continue
			}
			return exitStatus(m[1:])
		}
	}
}

func exitStatus(b []byte) (int, error) {
	var s struct {
		Status, Message string
		Details         struct {
			Causes []struct{ Reason, Message string }
		}
	}
	if err := json.Unmarshal(b, &s); err != nil {
		return 0, fmt.Errorf("%q: %w", b, err)
	}
	if s.Status == "Success" {
		return 0, nil
	}
	for _, c := range s.Details.Causes {
		var n int
		if _, err := fmt.Sscan(c.Message, &n); err == nil && c.Reason == "ExitCode" {
			return n, nil
		}
	}
	return 0, errors.New(s.Message)
}

// forward has two channels, one for data and one for errors, and each of them begins with the port's number.
func forward(url string) error {
	ws, err := dial(url, "v4.channel.k8s.io")
	if err != nil {
		return err
	}
	defer ws.Close()
	all, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	if err := websocket.Message.Send(ws, append([]byte{stdin}, all...)); err != nil {
		return err
	}
	first := map[byte]bool{}
	for {
		var m []byte
		err := websocket.Message.Receive(ws, &m)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(m) == 0 {
			continue
		}
		if !first[m[0]] {
			first[m[0]] = true
			continue
		}
		if m[0] != 0 {
			return fmt.Errorf("%s", m[1:])
		}
		os.Stdout.Write(m[1:])
	}
}
