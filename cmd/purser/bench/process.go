package bench

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is a child of the bench.
type process struct {
	name   string
	pid    int
	cmd    *exec.Cmd
	done   chan struct{} // closed when it has ended
	output tail
	addr   string // where it serves, of those that are not Envoys

	// Of a part only:
	stdin io.WriteCloser
	lines *bufio.Reader
}

// start runs a command. Its thread is kept until it ends: the kernel sends the death signal, which ends a child whose
// bench was killed, when the thread that forked it ends.
func start(name string, cmd *exec.Cmd) (*process, error) {
	p := &process{name: name, cmd: cmd, done: make(chan struct{})}
	if cmd.Stdout == nil {
		cmd.Stdout = &p.output
	}
	cmd.Stderr = &p.output
	cmd.SysProcAttr = dieWithParent()
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(p.done)
		err := cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// startPart runs a part of ours and waits until it serves.
func startPart(self, name string, args ...string) (*process, error) {
	cmd := exec.Command(self, append([]string{"bench-part"}, args...)...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	// Not StdoutPipe, which Wait would close under the reader.
	out, in := io.Pipe()
	cmd.Stdout = in
	p, err := start(name, cmd)
	if err != nil {
		return nil, err
	}
	p.stdin, p.lines = stdin, bufio.NewReader(out)
	go func() {
		<-p.done
		_ = in.CloseWithError(fmt.Errorf("it ended: %s", p.output.String()))
	}()
	a, err := p.hear()
	if err != nil {
		p.stop()
		return nil, err
	}
	p.addr = a.Addr
	return p, nil
}

// ask tells a part a line and returns its answer.
func (p *process) ask(line string) (answerLine, error) {
	if _, err := io.WriteString(p.stdin, line+"\n"); err != nil {
		return answerLine{}, fmt.Errorf("%s: %w: %s", p.name, err, p.output.String())
	}
	return p.hear()
}

func (p *process) hear() (answerLine, error) {
	var a answerLine
	line, err := p.lines.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &a)
	}
	if err == nil && a.Error != "" {
		err = errors.New(a.Error)
	}
	if err != nil {
		return a, fmt.Errorf("%s: %w", p.name, err)
	}
	return a, nil
}

// cpu is the CPU time it has used; none of nobody.
func (p *process) cpu() (time.Duration, error) {
	if p == nil {
		return 0, nil
	}
	return cpuTime(p.pid)
}

// stop ends it: by the end of its input, by SIGTERM, and after a while without asking.
func (p *process) stop() {
	if p.stdin != nil {
		_ = p.stdin.Close()
	} else {
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
	}
	select {
	case <-p.done:
	case <-time.After(10 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// tail keeps the last of what is written to it, for the error that tells of its end.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailBytes = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - tailBytes; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}
