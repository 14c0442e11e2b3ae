package systemd

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// fakeManager is a manager at a socket, with answers of its own: answer gets each call but the library's request for
// signals. It authenticates as systemd does to a client whose calls are safe: systemd reads a first call that arrives
// together with BEGIN, and answers it when something else arrives: never. It is safe when BEGIN was read before the
// client knows that it may call: this manager says OK after BEGIN.
func fakeManager(t *testing.T, answer func(call *dbus.Message, send func(*dbus.Message)) (goOn bool)) *Conn {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "private")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		in := bufio.NewReader(c)
		for _, dialogue := range []struct{ lines, answer string }{
			{"\x00AUTH\r\n", "REJECTED EXTERNAL\r\n"},
			{"AUTH EXTERNAL\r\n", "DATA\r\n"},
			{"DATA\r\nBEGIN\r\n", "OK 3b757e4113e64cc2ae64c1168a81e71b\r\n"},
		} {
			got := make([]byte, len(dialogue.lines))
			_ = c.SetReadDeadline(time.Now().Add(time.Minute))
			if n, err := io.ReadFull(in, got); err != nil || string(got) != dialogue.lines {
				t.Errorf("want %q, got %q, %v", dialogue.lines, got[:n], err)
				return
			}
			_, _ = c.Write([]byte(dialogue.answer))
		}
		_ = c.SetReadDeadline(time.Time{})
		send := func(m *dbus.Message) {
			if err := m.EncodeTo(c, binary.LittleEndian); err != nil {
				t.Error(err)
			}
		}
		for {
			call, err := dbus.DecodeMessage(in)
			if err != nil {
				return
			}
			if member(call) == "AddMatch" {
				send(reply(call, dbus.TypeMethodReply))
			} else if !answer(call, send) {
				return
			}
		}
	}()
	c, err := dial(socket, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func member(m *dbus.Message) string {
	name, _ := m.Headers[dbus.FieldMember].Value().(string)
	return name
}

func reply(call *dbus.Message, kind dbus.Type, body ...any) *dbus.Message {
	return message(kind, map[dbus.HeaderField]any{dbus.FieldReplySerial: call.Serial()}, body...)
}

func message(kind dbus.Type, headers map[dbus.HeaderField]any, body ...any) *dbus.Message {
	m := &dbus.Message{Type: kind, Headers: map[dbus.HeaderField]dbus.Variant{}, Body: body}
	for k, v := range headers {
		m.Headers[k] = dbus.MakeVariant(v)
	}
	if len(body) > 0 {
		m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(body...))
	}
	return m
}

func failure(call *dbus.Message, name string) *dbus.Message {
	m := reply(call, dbus.TypeError)
	m.Headers[dbus.FieldErrorName] = dbus.MakeVariant("org.freedesktop.systemd1." + name)
	return m
}

func jobRemoved(job dbus.ObjectPath, unit, result string) *dbus.Message {
	return message(dbus.TypeSignal, map[dbus.HeaderField]any{
		dbus.FieldPath: dbus.ObjectPath(busPath), dbus.FieldInterface: "org.freedesktop.systemd1.Manager", dbus.FieldMember: "JobRemoved",
	}, uint32(7), job, unit, result)
}

const (
	busPath = "/org/freedesktop/systemd1"
	job     = dbus.ObjectPath(busPath + "/job/7")
)

func TestDial_begin_is_sent_before_the_answer(t *testing.T) {
	t.Parallel()
	fakeManager(t, func(*dbus.Message, func(*dbus.Message)) bool { return false })
}

// A manager that is stopped takes calls and answers none.
func TestConn_a_call_has_a_limit(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]func(*Conn) error{
		"a property of the manager": func(c *Conn) error { _, err := c.Root(); return err },
		"a property of a unit":      func(c *Conn) error { _, err := c.UnitGroup("a.scope"); return err },
		"start":                     func(c *Conn) error { return c.Start("a.scope", nil) },
		"stop":                      func(c *Conn) error { return c.Stop("a.scope") },
		"reset":                     func(c *Conn) error { return c.ResetFailed("a.scope") },
		"set":                       func(c *Conn) error { return c.Set("a.scope", []Property{property("TasksMax", uint64(1))}) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := fakeManager(t, func(*dbus.Message, func(*dbus.Message)) bool { return true })
			c.limit = time.Millisecond
			if err := f(c); !errors.Is(err, unix.ETIMEDOUT) || !strings.Contains(err.Error(), "no answer to ") {
				t.Errorf("%v, want ETIMEDOUT", err)
			}
		})
	}
}

func TestConn_jobs(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, want string
		answer     func(call *dbus.Message, send func(*dbus.Message)) bool
	}{
		{"done, before the answer to the call", "", func(call *dbus.Message, send func(*dbus.Message)) bool {
			send(jobRemoved(job+"0", "b.scope", "failed"))
			send(jobRemoved(job, "a.scope", "done"))
			send(reply(call, dbus.TypeMethodReply, job))
			return true
		}},
		{"failed", `systemd: start a.scope: the job ended as "failed"`, func(call *dbus.Message, send func(*dbus.Message)) bool {
			send(reply(call, dbus.TypeMethodReply, job))
			send(jobRemoved(job, "a.scope", "failed"))
			return true
		}},
		{"the manager goes", "systemd: start a.scope: the connection ended", func(call *dbus.Message, send func(*dbus.Message)) bool {
			send(reply(call, dbus.TypeMethodReply, job))
			return false
		}},
		{"a unit is there and has not failed", "systemd: start a.scope: org.freedesktop.systemd1.UnitExists", func(call *dbus.Message, send func(*dbus.Message)) bool {
			if member(call) == "ResetFailedUnit" {
				send(reply(call, dbus.TypeMethodReply))
			} else {
				send(failure(call, "UnitExists"))
			}
			return true
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := fakeManager(t, c.answer).Start("a.scope", []Property{property("Slice", "b.slice")})
			if text := errorText(err); text != c.want {
				t.Errorf("%q, want %q", text, c.want)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestConn_properties(t *testing.T) {
	t.Parallel()
	c := fakeManager(t, func(call *dbus.Message, send func(*dbus.Message)) bool {
		path, _ := call.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
		text := map[string]string{
			busPath + "org.freedesktop.systemd1.Manager Version":                       "v252.39-1~deb12u1",
			busPath + "org.freedesktop.systemd1.Manager ControlGroup":                  "/user.slice/\"ü\\",
			busPath + "/unit/a_2db_2escopeorg.freedesktop.systemd1.Scope ControlGroup": "/x/a-b.scope",
		}[string(path)+call.Body[0].(string)+" "+call.Body[1].(string)]
		if text == "" {
			send(failure(call, "NoSuchUnit"))
		} else {
			send(reply(call, dbus.TypeMethodReply, dbus.MakeVariant(text)))
		}
		return true
	})
	if v := c.Version(); v != 252 {
		t.Errorf("version %d", v)
	}
	for name, f := range map[string]struct {
		ask  func() (string, error)
		want string
	}{
		"the manager's group": {c.Root, "/user.slice/\"ü\\"},
		"a scope's":           {func() (string, error) { return c.UnitGroup("a-b.scope") }, "/x/a-b.scope"},
		"no unit's":           {func() (string, error) { return c.UnitGroup("c.slice") }, ""},
	} {
		if got, err := f.ask(); err != nil || got != f.want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, f.want)
		}
	}
}
