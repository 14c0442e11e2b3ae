package engines

import (
	"archive/tar"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// imageTar is the root file system that the tests' images have: busybox, and the server of this directory.
func imageTar(t *testing.T) string {
	t.Helper()
	path, err := imageOnce()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var imageOnce = sync.OnceValues(makeImage)

func makeImage() (path string, err error) {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return "", err
	}
	server := filepath.Join(scratch, "server")
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", server, "./tests/engines/server")
	build.Dir = repository
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	applets, err := exec.Command(busybox, "--list").Output()
	if err != nil {
		return "", fmt.Errorf("busybox --list: %w", err)
	}
	path = filepath.Join(scratch, "image.tar")
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := tar.NewWriter(f)
	var failed error
	put := func(h tar.Header, content []byte) {
		h.Size = int64(len(content))
		failed = errors.Join(failed, w.WriteHeader(&h))
		_, err := w.Write(content)
		failed = errors.Join(failed, err)
	}
	for _, d := range []string{"bin", "etc", "data", "proc", "sys", "dev", "root", "mnt", "run", "var", "var/tmp", "home"} {
		put(tar.Header{Typeflag: tar.TypeDir, Name: d + "/", Mode: 0o755}, nil)
	}
	put(tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}, nil)
	for name, from := range map[string]string{"bin/busybox": busybox, "bin/server": server} {
		b, err := os.ReadFile(from)
		if err != nil {
			return "", err
		}
		put(tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755}, b)
	}
	put(tar.Header{Typeflag: tar.TypeReg, Name: "etc/passwd", Mode: 0o644}, []byte("root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n"))
	put(tar.Header{Typeflag: tar.TypeReg, Name: "etc/group", Mode: 0o644}, []byte("root:x:0:\nuser:x:1000:\nextra:x:2000:user\nnogroup:x:65534:\n"))
	put(tar.Header{Typeflag: tar.TypeReg, Name: "etc/issue", Mode: 0o644}, []byte("the tests' image\n"))
	for a := range strings.FieldsSeq(string(applets)) {
		if a != "busybox" {
			put(tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + a, Linkname: "busybox"}, nil)
		}
	}
	return path, errors.Join(failed, w.Close())
}
