// Package criu asks CRIU to dump and to restore the processes of a container. It
// starts `criu swrk`, which takes one request after another over a
// SOCK_SEQPACKET socket, each a protocol buffer (criu's images/rpc.proto). The
// few messages that are needed are written and read by hand: a library for
// protocol buffers would cost every command its start.
package criu

// RequestType is criu_req_type of rpc.proto.
type RequestType int

// The requests.
const (
	Dump    RequestType = 1
	Restore RequestType = 2
	PreDump RequestType = 4
	notify  RequestType = 6
	feature RequestType = 9
	version RequestType = 10
)

// String names the request as errors name it.
func (t RequestType) String() string {
	switch t {
	case Dump:
		return "dump"
	case Restore:
		return "restore"
	case PreDump:
		return "pre-dump"
	case feature:
		return "check of features"
	case version:
		return "version"
	}
	return "request"
}

// CgroupMode is criu_cg_mode of rpc.proto: what is done with control groups.
type CgroupMode int

// The modes (criu(8), --manage-cgroups).
const (
	CgroupIgnore CgroupMode = iota
	CgroupNone
	CgroupProps
	CgroupSoft
	CgroupFull
	CgroupStrict
)

// Options is the part of criu_opts of rpc.proto that is used here. Descriptors
// are those of this process, which criu opens through /proc, but for InheritFDs.
type Options struct {
	ImagesDir     int // descriptor
	WorkDir       int // descriptor, of the log
	LogFile       string
	LogLevel      int
	Pid           int
	Root          string
	ParentImages  string // relative to ImagesDir
	ConfigFile    string
	FreezeCgroup  string
	LSMProfile    string
	LSMMount      string
	CgroupMode    CgroupMode
	CgroupRoots   []CgroupRoot
	External      []string // as --external has it
	Inherit       []Inherit
	EmptyNS       uint32 // CLONE_NEW* bits
	PageServer    *PageServer
	StatusFD      int // descriptor; -1: none
	LeaveRunning  bool
	TrackMem      bool
	ExtUnixSk     bool
	Established   bool // TCP connections
	SkipInFlight  bool
	CloseTCP      bool
	ShellJob      bool
	FileLocks     bool
	AutoDedup     bool
	LinkRemap     bool
	LazyPages     bool
	ExtSharing    bool // mounts that share propagation with the host's are let through
	ExtMasters    bool // the same, of mounts that are their slaves
	OrphanPts     bool // the terminal's master is given back by a notification
	NotifyScripts bool
	Sibling       bool // what is restored becomes a child of this process
}

// CgroupRoot moves what is restored below another control group; no controller
// means all.
type CgroupRoot struct{ Controller, Path string }

// Inherit gives a descriptor in the place of a resource that was not dumped. FD
// is the number that it has in criu: see Start.
type Inherit struct {
	Key string
	FD  int
}

// PageServer is where memory is sent to.
type PageServer struct {
	Address string
	Port    int
}

// Field numbers of criu_opts.
const (
	optImagesDirFD   = 1
	optPid           = 2
	optLeaveRunning  = 3
	optExtUnixSk     = 4
	optEstablished   = 5
	optShellJob      = 7
	optFileLocks     = 8
	optLogLevel      = 9
	optLogFile       = 10
	optPageServer    = 11
	optNotify        = 12
	optRoot          = 13
	optParent        = 14
	optTrackMem      = 15
	optAutoDedup     = 16
	optWorkDirFD     = 17
	optLinkRemap     = 18
	optManageCgroups = 24
	optCgroupRoot    = 25
	optSibling       = 26
	optInherit       = 27
	optExtSharing    = 29
	optExtMasters    = 30
	optCgroupMode    = 34
	optExternal      = 37
	optEmptyNS       = 38
	optFreezeCgroup  = 44
	optSkipInFlight  = 46
	optLazyPages     = 48
	optStatusFD      = 49
	optOrphanPts     = 50
	optConfigFile    = 51
	optCloseTCP      = 52
	optLSMProfile    = 53
	optLSMMount      = 63
)

func (o *Options) append() []byte {
	var m message
	m.number(optImagesDirFD, int64(o.ImagesDir))
	m.number(optWorkDirFD, int64(o.WorkDir))
	m.text(optLogFile, o.LogFile)
	m.number(optLogLevel, int64(o.LogLevel))
	if o.Pid > 0 {
		m.number(optPid, int64(o.Pid))
	}
	for _, f := range [...]struct {
		field int
		set   bool
	}{
		{optLeaveRunning, o.LeaveRunning},
		{optTrackMem, o.TrackMem},
		{optExtUnixSk, o.ExtUnixSk},
		{optEstablished, o.Established},
		{optSkipInFlight, o.SkipInFlight},
		{optCloseTCP, o.CloseTCP},
		{optShellJob, o.ShellJob},
		{optFileLocks, o.FileLocks},
		{optAutoDedup, o.AutoDedup},
		{optLinkRemap, o.LinkRemap},
		{optLazyPages, o.LazyPages},
		{optExtSharing, o.ExtSharing},
		{optExtMasters, o.ExtMasters},
		{optOrphanPts, o.OrphanPts},
		{optNotify, o.NotifyScripts},
		{optSibling, o.Sibling},
	} {
		m.flag(f.field, f.set)
	}
	m.text(optRoot, o.Root)
	m.text(optParent, o.ParentImages)
	m.text(optConfigFile, o.ConfigFile)
	m.text(optFreezeCgroup, o.FreezeCgroup)
	m.text(optLSMProfile, o.LSMProfile)
	m.text(optLSMMount, o.LSMMount)
	m.flag(optManageCgroups, true)
	m.number(optCgroupMode, int64(o.CgroupMode))
	for _, r := range o.CgroupRoots {
		var sub message
		sub.text(1, r.Controller)
		sub.text(2, r.Path)
		m.bytes(optCgroupRoot, sub)
	}
	for _, e := range o.External {
		m.text(optExternal, e)
	}
	for _, i := range o.Inherit {
		var sub message
		sub.text(1, i.Key)
		sub.number(2, int64(i.FD))
		m.bytes(optInherit, sub)
	}
	if o.EmptyNS != 0 {
		m.number(optEmptyNS, int64(o.EmptyNS))
	}
	if s := o.PageServer; s != nil {
		var sub message
		sub.text(1, s.Address)
		sub.number(2, int64(s.Port))
		m.bytes(optPageServer, sub)
	}
	if o.StatusFD >= 0 {
		m.number(optStatusFD, int64(o.StatusFD))
	}
	return m
}

// Features are what the kernel and criu can do together.
type Features struct {
	MemTrack  bool // dirty pages: pre-dumps and incremental dumps
	LazyPages bool // userfaultfd(2)
}

func request(t RequestType, o *Options) []byte {
	var m message
	m.number(1, int64(t))
	if o != nil {
		m.bytes(2, o.append())
	}
	if t == version || t == feature {
		m.flag(4, true) // keep_open: more requests follow
	}
	if t == feature {
		var sub message
		sub.flag(1, true)
		sub.flag(2, true)
		m.bytes(5, sub)
	}
	return m
}

// notified is the answer to a notification.
func notified(success bool) []byte {
	var m message
	m.number(1, int64(notify))
	if success {
		m.flag(3, true)
	} else {
		m.number(3, 0)
	}
	return m
}

// response is criu_resp of rpc.proto.
type response struct {
	kind     RequestType
	success  bool
	pid      int    // of the init that was restored
	script   string // of a notification
	errno    int
	text     string // what criu says of its failure
	features Features
	version  int // 31701 is 3.17.1
}

func parseResponse(b []byte) (r response, err error) {
	err = fields(b, func(field int, v uint64, data []byte) error {
		switch field {
		case 1:
			r.kind = RequestType(v)
		case 2:
			r.success = v != 0
		case 4: // criu_restore_resp
			return fields(data, func(field int, v uint64, _ []byte) error {
				if field == 1 {
					r.pid = int(int32(v))
				}
				return nil
			})
		case 5: // criu_notify
			return fields(data, func(field int, v uint64, data []byte) error {
				switch field {
				case 1:
					r.script = string(data)
				case 2:
					r.pid = int(int32(v))
				}
				return nil
			})
		case 7:
			r.errno = int(int32(v))
		case 8: // criu_features
			return fields(data, func(field int, v uint64, _ []byte) error {
				switch field {
				case 1:
					r.features.MemTrack = v != 0
				case 2:
					r.features.LazyPages = v != 0
				}
				return nil
			})
		case 9:
			r.text = string(data)
		case 10: // criu_version
			return fields(data, func(field int, v uint64, _ []byte) error {
				switch field {
				case 1:
					r.version += int(v) * 10000
				case 2:
					r.version += int(v) * 100
				case 4:
					r.version += int(v)
				}
				return nil
			})
		}
		return nil
	})
	return r, err
}
