package host

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

func TestIsOwnNamespace(t *testing.T) {
	open := func(name string) int {
		fd, err := unix.Open(name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Close(fd) })
		return fd
	}
	for _, kind := range []uint64{
		unix.CLONE_NEWCGROUP, unix.CLONE_NEWIPC, unix.CLONE_NEWNS, unix.CLONE_NEWNET, unix.CLONE_NEWPID, unix.CLONE_NEWTIME, unix.CLONE_NEWUSER, unix.CLONE_NEWUTS,
	} {
		name := NamespaceFile(kind)
		if own, err := IsOwnNamespace(open("/proc/self/ns/"+name), kind); !own || err != nil {
			t.Errorf("%s: %v, %v", name, own, err)
		}
	}
	if NamespaceFile(0) != "" || NamespaceFile(unix.CLONE_VM) != "" {
		t.Error("what is no namespace has a file")
	}
	if unix.Geteuid() != 0 {
		t.Skip("root makes namespaces")
	}
	done := make(chan struct{})
	made := func() {
		runtime.LockOSThread() // for good: the thread ends with its namespaces
		defer close(done)
		if unix.Gettid() == unix.Getpid() {
			return // the namespaces of the main thread are the process's
		}
		if err := unix.Unshare(unix.CLONE_NEWUTS); err != nil {
			t.Error(err)
			return
		}
		fd, err := unix.Open("/proc/thread-self/ns/uts", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer unix.Close(fd)
		if own, err := IsOwnNamespace(fd, unix.CLONE_NEWUTS); own || err != nil {
			t.Errorf("a new one: %v, %v", own, err)
		}
	}
	runtime.LockOSThread() // so that no other goroutine is on this thread, which may be the main one
	defer runtime.UnlockOSThread()
	go made()
	<-done
}
