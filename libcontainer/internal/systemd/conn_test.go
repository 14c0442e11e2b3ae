package systemd

import (
	"bufio"
	"io"
	"net"
	"path/filepath"
	"testing"
	"time"
)

// systemd reads a first call that arrives together with BEGIN, and answers it when something else arrives: never. It is
// safe when BEGIN was read before the client knows that it may call: this manager says OK after BEGIN.
func TestDial_begin_is_sent_before_the_answer(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "private")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
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
				break
			}
			_, _ = c.Write([]byte(dialogue.answer))
		}
		_, _ = in.ReadByte() // the end
		_ = c.Close()
	}()
	bus, err := dial(socket)
	if err != nil {
		t.Fatal(err)
	}
	_ = bus.Close()
}
