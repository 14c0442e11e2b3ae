package sys

import "golang.org/x/sys/unix"

// The functions of this file are the system calls of their names, with what each caller would
// have to think of otherwise: a call that a signal has interrupted is made again, and a new
// descriptor has CLOEXEC. The error is the bare errno, for callers that compare it and say
// themselves what was attempted on what.

// Call is a system call by number with up to three arguments. Pointers have to be converted in
// the argument list, as for unix.Syscall.
//
//go:uintptrescapes
func Call(number, a, b, c uintptr) (uintptr, uintptr, unix.Errno) {
	for {
		if r, s, err := unix.Syscall(number, a, b, c); err != unix.EINTR {
			return r, s, err
		}
	}
}

// Call6 is [Call] with up to six arguments.
//
//go:uintptrescapes
func Call6(number, a, b, c, d, e, f uintptr) (uintptr, uintptr, unix.Errno) {
	for {
		if r, s, err := unix.Syscall6(number, a, b, c, d, e, f); err != unix.EINTR {
			return r, s, err
		}
	}
}

// again is retry for calls with a result.
func again[T any](f func() (T, error)) (T, error) {
	for {
		if v, err := f(); err != unix.EINTR {
			return v, err
		}
	}
}

// Openat is openat(2), with CLOEXEC.
func Openat(dirfd int, path string, flags int, mode uint32) (int, error) {
	return again(func() (int, error) { return unix.Openat(dirfd, path, flags|unix.O_CLOEXEC, mode) })
}

// Openat2 is openat2(2), with CLOEXEC.
func Openat2(dirfd int, path string, how *unix.OpenHow) (int, error) {
	own := *how
	own.Flags |= unix.O_CLOEXEC
	return again(func() (int, error) { return unix.Openat2(dirfd, path, &own) })
}

// Read is read(2).
func Read(fd int, p []byte) (int, error) {
	return again(func() (int, error) { return unix.Read(fd, p) })
}

// Write is write(2).
func Write(fd int, p []byte) (int, error) {
	return again(func() (int, error) { return unix.Write(fd, p) })
}

// Pread is pread(2).
func Pread(fd int, p []byte, offset int64) (int, error) {
	return again(func() (int, error) { return unix.Pread(fd, p, offset) })
}

// Pwrite is pwrite(2).
func Pwrite(fd int, p []byte, offset int64) (int, error) {
	return again(func() (int, error) { return unix.Pwrite(fd, p, offset) })
}

// Seek is lseek(2).
func Seek(fd int, offset int64, whence int) (int64, error) {
	return again(func() (int64, error) { return unix.Seek(fd, offset, whence) })
}

// Getdents is getdents64(2).
func Getdents(fd int, buf []byte) (int, error) {
	return again(func() (int, error) { return unix.Getdents(fd, buf) })
}

// Fstat is fstat(2).
func Fstat(fd int, stat *unix.Stat_t) error {
	return retry(func() error { return unix.Fstat(fd, stat) })
}

// Stat is stat(2).
func Stat(path string, stat *unix.Stat_t) error {
	return retry(func() error { return unix.Stat(path, stat) })
}

// Fstatat is fstatat(2).
func Fstatat(dirfd int, path string, stat *unix.Stat_t, flags int) error {
	return retry(func() error { return unix.Fstatat(dirfd, path, stat, flags) })
}

// Statx is statx(2).
func Statx(dirfd int, path string, flags int, mask int, stat *unix.Statx_t) error {
	return retry(func() error { return unix.Statx(dirfd, path, flags, mask, stat) })
}

// Statfs is statfs(2).
func Statfs(path string, buf *unix.Statfs_t) error {
	return retry(func() error { return unix.Statfs(path, buf) })
}

// Fstatfs is fstatfs(2).
func Fstatfs(fd int, buf *unix.Statfs_t) error {
	return retry(func() error { return unix.Fstatfs(fd, buf) })
}

// Access is access(2).
func Access(path string, mode uint32) error {
	return retry(func() error { return unix.Access(path, mode) })
}

// Faccessat is faccessat(2).
func Faccessat(dirfd int, path string, mode uint32, flags int) error {
	return retry(func() error { return unix.Faccessat(dirfd, path, mode, flags) })
}

// Readlinkat is readlinkat(2).
func Readlinkat(dirfd int, path string, buf []byte) (int, error) {
	return again(func() (int, error) { return unix.Readlinkat(dirfd, path, buf) })
}

// Mkdir is mkdir(2).
func Mkdir(path string, mode uint32) error {
	return retry(func() error { return unix.Mkdir(path, mode) })
}

// Mkdirat is mkdirat(2).
func Mkdirat(dirfd int, path string, mode uint32) error {
	return retry(func() error { return unix.Mkdirat(dirfd, path, mode) })
}

// Rmdir is rmdir(2).
func Rmdir(path string) error {
	return retry(func() error { return unix.Rmdir(path) })
}

// Unlinkat is unlinkat(2).
func Unlinkat(dirfd int, path string, flags int) error {
	return retry(func() error { return unix.Unlinkat(dirfd, path, flags) })
}

// Renameat is renameat(2).
func Renameat(olddirfd int, oldpath string, newdirfd int, newpath string) error {
	return retry(func() error { return unix.Renameat(olddirfd, oldpath, newdirfd, newpath) })
}

// Chmod is chmod(2).
func Chmod(path string, mode uint32) error {
	return retry(func() error { return unix.Chmod(path, mode) })
}

// Fchmod is fchmod(2).
func Fchmod(fd int, mode uint32) error {
	return retry(func() error { return unix.Fchmod(fd, mode) })
}

// Fchmodat is fchmodat(2).
func Fchmodat(dirfd int, path string, mode uint32, flags int) error {
	return retry(func() error { return unix.Fchmodat(dirfd, path, mode, flags) })
}

// Lchown is lchown(2).
func Lchown(path string, uid int, gid int) error {
	return retry(func() error { return unix.Lchown(path, uid, gid) })
}

// Fchown is fchown(2).
func Fchown(fd int, uid int, gid int) error {
	return retry(func() error { return unix.Fchown(fd, uid, gid) })
}

// Flock is flock(2).
func Flock(fd int, how int) error {
	return retry(func() error { return unix.Flock(fd, how) })
}

// Getxattr is getxattr(2).
func Getxattr(path string, attr string, dest []byte) (int, error) {
	return again(func() (int, error) { return unix.Getxattr(path, attr, dest) })
}

// Lgetxattr is lgetxattr(2).
func Lgetxattr(path string, attr string, dest []byte) (int, error) {
	return again(func() (int, error) { return unix.Lgetxattr(path, attr, dest) })
}

// Fgetxattr is fgetxattr(2).
func Fgetxattr(fd int, attr string, dest []byte) (int, error) {
	return again(func() (int, error) { return unix.Fgetxattr(fd, attr, dest) })
}

// Lsetxattr is lsetxattr(2).
func Lsetxattr(path string, attr string, data []byte, flags int) error {
	return retry(func() error { return unix.Lsetxattr(path, attr, data, flags) })
}

// FcntlInt is fcntl(2) with an integer.
func FcntlInt(fd uintptr, cmd, arg int) (int, error) {
	return again(func() (int, error) { return unix.FcntlInt(fd, cmd, arg) })
}

// SetNonblock is fcntl(2), F_SETFL, O_NONBLOCK.
func SetNonblock(fd int, nonblocking bool) error {
	return retry(func() error { return unix.SetNonblock(fd, nonblocking) })
}

// Dup3 is dup3(2), with CLOEXEC.
func Dup3(oldfd int, newfd int, flags int) error {
	return retry(func() error { return unix.Dup3(oldfd, newfd, flags|unix.O_CLOEXEC) })
}

// Pipe2 is pipe2(2), with CLOEXEC.
func Pipe2(p []int, flags int) error {
	return retry(func() error { return unix.Pipe2(p, flags|unix.O_CLOEXEC) })
}

// Eventfd is eventfd(2), with CLOEXEC.
func Eventfd(initval uint, flags int) (int, error) {
	return again(func() (int, error) { return unix.Eventfd(initval, flags|unix.EFD_CLOEXEC) })
}

// MemfdCreate is memfd_create(2), with CLOEXEC.
func MemfdCreate(name string, flags int) (int, error) { //nolint:unused // builds with libseccomp use it
	return again(func() (int, error) { return unix.MemfdCreate(name, flags|unix.MFD_CLOEXEC) })
}

// Poll is poll(2). EINTR is returned: what is left of a limit has to be
// reckoned anew, or a signal looked at.
func Poll(fds []unix.PollFd, timeout int) (int, error) {
	return unix.Poll(fds, timeout)
}

// IoctlGetTermios is ioctl(2), TCGETS.
func IoctlGetTermios(fd int, req uint) (*unix.Termios, error) {
	return again(func() (*unix.Termios, error) { return unix.IoctlGetTermios(fd, req) })
}

// IoctlSetTermios is ioctl(2), TCSETS and its kind.
func IoctlSetTermios(fd int, req uint, value *unix.Termios) error {
	return retry(func() error { return unix.IoctlSetTermios(fd, req, value) })
}

// IoctlGetWinsize is ioctl(2), TIOCGWINSZ.
func IoctlGetWinsize(fd int, req uint) (*unix.Winsize, error) {
	return again(func() (*unix.Winsize, error) { return unix.IoctlGetWinsize(fd, req) })
}

// IoctlSetWinsize is ioctl(2), TIOCSWINSZ.
func IoctlSetWinsize(fd int, req uint, value *unix.Winsize) error {
	return retry(func() error { return unix.IoctlSetWinsize(fd, req, value) })
}

// IoctlGetInt is ioctl(2) that stores an integer.
func IoctlGetInt(fd int, req uint) (int, error) {
	return again(func() (int, error) { return unix.IoctlGetInt(fd, req) })
}

// IoctlRetInt is ioctl(2) that returns an integer.
func IoctlRetInt(fd int, req uint) (int, error) {
	return again(func() (int, error) { return unix.IoctlRetInt(fd, req) })
}

// Socket is socket(2), with CLOEXEC.
func Socket(domain, typ, proto int) (int, error) {
	return again(func() (int, error) { return unix.Socket(domain, typ|unix.SOCK_CLOEXEC, proto) })
}

// Bind is bind(2).
func Bind(fd int, sa unix.Sockaddr) error {
	return retry(func() error { return unix.Bind(fd, sa) })
}

// Listen is listen(2).
func Listen(s int, n int) error {
	return retry(func() error { return unix.Listen(s, n) })
}

// Connect is connect(2). An interrupted call is not made again: the connection
// goes on being made.
func Connect(fd int, sa unix.Sockaddr) error {
	return unix.Connect(fd, sa)
}

// Sendto is sendto(2).
func Sendto(fd int, p []byte, flags int, to unix.Sockaddr) error {
	return retry(func() error { return unix.Sendto(fd, p, flags, to) })
}

// SendmsgN is sendmsg(2).
func SendmsgN(fd int, p, oob []byte, to unix.Sockaddr, flags int) (int, error) {
	return again(func() (int, error) { return unix.SendmsgN(fd, p, oob, to, flags) })
}

// Recvfrom is recvfrom(2).
func Recvfrom(fd int, p []byte, flags int) (n int, from unix.Sockaddr, err error) {
	err = retry(func() error { n, from, err = unix.Recvfrom(fd, p, flags); return err })
	return n, from, err
}

// SetsockoptInt is setsockopt(2) with an integer.
func SetsockoptInt(fd, level, opt int, value int) error {
	return retry(func() error { return unix.SetsockoptInt(fd, level, opt, value) })
}

// GetsockoptUcred is getsockopt(2), SO_PEERCRED.
func GetsockoptUcred(fd, level, opt int) (*unix.Ucred, error) {
	return again(func() (*unix.Ucred, error) { return unix.GetsockoptUcred(fd, level, opt) })
}

// Mount is mount(2).
func Mount(source string, target string, fstype string, flags uintptr, data string) error {
	return retry(func() error { return unix.Mount(source, target, fstype, flags, data) })
}

// Fsopen is fsopen(2), with CLOEXEC.
func Fsopen(fsName string, flags int) (int, error) {
	return again(func() (int, error) { return unix.Fsopen(fsName, flags|unix.FSOPEN_CLOEXEC) })
}

// Fspick is fspick(2), with CLOEXEC.
func Fspick(dirfd int, pathName string, flags int) (int, error) {
	return again(func() (int, error) { return unix.Fspick(dirfd, pathName, flags|unix.FSPICK_CLOEXEC) })
}

// FsconfigSetFlag is fsconfig(2), FSCONFIG_SET_FLAG.
func FsconfigSetFlag(fd int, key string) error {
	return retry(func() error { return unix.FsconfigSetFlag(fd, key) })
}

// FsconfigSetString is fsconfig(2), FSCONFIG_SET_STRING.
func FsconfigSetString(fd int, key string, value string) error {
	return retry(func() error { return unix.FsconfigSetString(fd, key, value) })
}

// FsconfigReconfigure is fsconfig(2), FSCONFIG_CMD_RECONFIGURE.
func FsconfigReconfigure(fd int) error {
	return retry(func() error { return unix.FsconfigReconfigure(fd) })
}

// Setns is setns(2).
func Setns(fd int, nstype int) error {
	return retry(func() error { return unix.Setns(fd, nstype) })
}

// Unshare is unshare(2).
func Unshare(flags int) error {
	return retry(func() error { return unix.Unshare(flags) })
}

// Kill is kill(2).
func Kill(pid int, sig unix.Signal) error {
	return retry(func() error { return unix.Kill(pid, sig) })
}

// PidfdSendSignal is pidfd_send_signal(2).
func PidfdSendSignal(pidfd int, sig unix.Signal, info *unix.Siginfo, flags int) error {
	return retry(func() error { return unix.PidfdSendSignal(pidfd, sig, info, flags) })
}

// Wait4 is wait4(2).
func Wait4(pid int, wstatus *unix.WaitStatus, options int, rusage *unix.Rusage) (int, error) {
	return again(func() (int, error) { return unix.Wait4(pid, wstatus, options, rusage) })
}

// Prctl is prctl(2).
func Prctl(option int, arg2 uintptr, arg3 uintptr, arg4 uintptr, arg5 uintptr) error {
	return retry(func() error { return unix.Prctl(option, arg2, arg3, arg4, arg5) })
}

// Capget is capget(2).
func Capget(hdr *unix.CapUserHeader, data *unix.CapUserData) error {
	return retry(func() error { return unix.Capget(hdr, data) })
}

// Getrlimit is getrlimit(2).
func Getrlimit(resource int, rlim *unix.Rlimit) error {
	return retry(func() error { return unix.Getrlimit(resource, rlim) })
}

// Getrandom is getrandom(2).
func Getrandom(buf []byte, flags int) (int, error) {
	return again(func() (int, error) { return unix.Getrandom(buf, flags) })
}

// ClockGettime is clock_gettime(2).
func ClockGettime(clockid int32, time *unix.Timespec) error {
	return retry(func() error { return unix.ClockGettime(clockid, time) })
}

// Uname is uname(2).
func Uname(buf *unix.Utsname) error {
	return retry(func() error { return unix.Uname(buf) })
}
