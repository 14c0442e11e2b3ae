package check

import (
	"bytes"
	"encoding/binary"
	"runtime"
	"strconv"
	"strings"

	"github.com/rung-oci/rung/libcontainer/internal/sys"
	"golang.org/x/sys/unix"
)

// head reads the first bytes of what an O_PATH descriptor names.
func head(fd int) ([]byte, error) {
	in, err := sys.Openat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(fd), unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer sys.Close(in)
	buf := make([]byte, 4096)
	n, err := sys.Pread(in, buf, 0)
	return buf[:max(n, 0)], err
}

// interpreter gives the program that the kernel runs for the file that begins
// with these bytes: that of a script (execve(2)), or the dynamic linker of an ELF
// file (elf(5)); "" if there is none, or if it cannot be seen. foreign says that the file
// is for another machine.
func interpreter(text []byte) (name string, foreign bool) {
	if line, ok := bytes.CutPrefix(text, []byte("#!")); ok {
		line, _, _ = bytes.Cut(line, []byte("\n"))
		// Blanks and tabs divide; a carriage return is part of the name (fs/binfmt_script.c).
		name, _, _ := bytes.Cut(bytes.TrimLeft(line, " \t"), []byte(" "))
		name, _, _ = bytes.Cut(name, []byte("\t"))
		return string(name), false
	}
	if len(text) < 64 || string(text[:4]) != "\x7fELF" {
		return "", false
	}
	var order binary.ByteOrder = binary.LittleEndian
	if text[5] == 2 { // ELFDATA2MSB
		order = binary.BigEndian
	}
	if m := order.Uint16(text[18:]); !runs(m) {
		return "", true
	}
	wide := text[4] == 2 // ELFCLASS64
	var at, size, count uint64
	if wide {
		at, size, count = order.Uint64(text[32:]), uint64(order.Uint16(text[54:])), uint64(order.Uint16(text[56:]))
	} else {
		at, size, count = uint64(order.Uint32(text[28:])), uint64(order.Uint16(text[42:])), uint64(order.Uint16(text[44:]))
	}
	for i := range count {
		start := at + i*size
		if start > uint64(len(text)) || start+56 > uint64(len(text)) || order.Uint32(text[start:]) != 3 { // PT_INTERP
			continue
		}
		var offset, length uint64
		if wide {
			offset, length = order.Uint64(text[start+8:]), order.Uint64(text[start+32:])
		} else {
			offset, length = uint64(order.Uint32(text[start+4:])), uint64(order.Uint32(text[start+16:]))
		}
		if offset > uint64(len(text)) || length > uint64(len(text))-offset {
			return "", false
		}
		name, _, _ := strings.Cut(string(text[offset:offset+length]), "\x00")
		return name, false
	}
	return "", false
}

// runs says whether this kernel runs programs of an ELF machine (elf.h) natively.
// An architecture that is not listed is not judged.
func runs(machine uint16) bool {
	const m386, mX8664, mARM, mAARCH64, mRISCV, mS390 = 3, 62, 40, 183, 243, 22
	switch runtime.GOARCH {
	case "amd64":
		return machine == mX8664 || machine == m386
	case "386":
		return machine == m386
	case "arm64":
		return machine == mAARCH64 || machine == mARM
	case "riscv64":
		return machine == mRISCV
	case "s390x":
		return machine == mS390
	}
	return true
}

// emulated says that the kernel has interpreters for foreign programs
// (binfmt_misc): what they run cannot be told from outside.
func emulated() bool { return exists("/proc/sys/fs/binfmt_misc/register") }

// program judges a file that is to be executed. resolve finds the interpreter it may
// need where it will be looked for.
func (c *checker) program(at, source, name string, p *place, resolve func(string) place) {
	switch kind := p.mode & unix.S_IFMT; {
	case kind == unix.S_IFDIR:
		c.fatal(at, source, name+" is a directory", "name a program")
		return
	case kind != unix.S_IFREG:
		c.fatal(at, source, name+" is no regular file", "name a program")
		return
	case p.mode&0o111 == 0:
		c.fatal(at, source, name+" is not executable: permission denied", "set its execute bits: chmod +x")
		return
	}
	text, err := head(p.fd)
	if err != nil {
		return // whether it may be executed, the kernel will tell
	}
	if !bytes.HasPrefix(text, []byte("#!")) && !bytes.HasPrefix(text, []byte("\x7fELF")) && !emulated() {
		c.fatal(at, "execve(2)", name+" is no program: exec format error", "begin a script with #! and its interpreter")
		return
	}
	interp, foreign := interpreter(text)
	if foreign && !emulated() {
		c.fatal(at, "execve(2)", name+" is a program for another processor architecture", "use an image for "+runtime.GOARCH)
		return
	}
	if interp == "" || interp[0] != '/' {
		return
	}
	i := resolve(interp)
	defer i.close()
	if i.err == unix.ENOENT || i.err == unix.ENOTDIR { //nolint:errorlint // bare errnos
		hint := "install it beside the program, or link the program statically"
		if strings.HasSuffix(interp, "\r") {
			interp, hint = strconv.Quote(interp), `the lines of the script end with \r\n, as on Windows: convert them, with dos2unix or sed -i 's/\r$//'`
		}
		c.fatal(at, "execve(2)", name+" needs the interpreter "+interp+", which does not exist: "+i.err.Error(), hint)
	}
}

// hostFile is a place on the host, for hooks.
func hostFile(name string) place {
	p := place{fd: -1, path: name}
	fd, err := open(unix.AT_FDCWD, name, 0)
	if err != nil {
		p.err = err
		return p
	}
	var st unix.Stat_t
	if err := sys.Fstat(fd, &st); err != nil {
		sys.Close(fd)
		p.err = err
		return p
	}
	p.fd, p.mode = fd, st.Mode
	return p
}
