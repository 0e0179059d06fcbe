package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// demoKey is the documents' master key. It is no secret; any other is not printed.
const demoKey = "sk-1234"

// say prints a line of progress.
func (s *stack) say(format string, args ...any) { fmt.Fprintf(s.out, format+"\n", args...) }

// step prints that a part is there.
func (s *stack) step(label, text string) { s.say("  %-15s %s", label, text) }

func (s *stack) started(label string, began time.Time, where string) {
	s.step(label, fmt.Sprintf("ready in %.1f s, %s", time.Since(began).Seconds(), where))
}

// welcome says how to use what is running.
func (s *stack) welcome() {
	key, note := "$LITELLM_MASTER_KEY", "the one of the configuration"
	if s.info.MasterKey == demoKey {
		key, note = demoKey, demoKey
	}
	s.say("")
	s.say("Purser is ready:  %s", s.info.URL)
	s.say("master key:       %s", note)
	s.say("")
	s.say("A first call:")
	s.say("  curl %s/v1/chat/completions -H 'Content-Type: application/json' \\", s.info.URL)
	s.say("    -H \"Authorization: Bearer %s\" \\", key)
	s.say("    -d '{\"model\": \"%s\", \"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}'", s.firstModel())
	s.say("")
	s.say("logs: %s   stop: Ctrl-C", shorten(s.file("logs")))
}

// firstModel is a model of the configuration that can chat.
func (s *stack) firstModel() string {
	for _, d := range s.cfg.Deployments {
		if (d.Mode == "" || d.Mode == "chat") && !strings.Contains(d.Model, "*") && !d.Blocked {
			return d.Model
		}
	}
	return "gpt-4"
}

// shorten shows a path relative to the working directory where that is shorter.
func shorten(path string) string {
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(wd, path); err == nil && len(rel) < len(path) {
		return rel
	}
	return path
}
