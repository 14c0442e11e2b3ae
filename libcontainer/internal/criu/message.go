// Package criu asks CRIU to dump and to restore the processes of a container. It
// starts `criu swrk`, which takes one request after another over a
// SOCK_SEQPACKET socket, each a protocol buffer (criu's images/rpc.proto, in Go
// package rpc of go-criu).
package criu

import (
	"errors"
	"fmt"

	"github.com/checkpoint-restore/go-criu/v8/rpc"
)

// errMessage is a message that is not one of rpc.proto.
var errMessage = errors.New("criu sent a message that cannot be read")

// Request is a kind of request. Its names are rung's: those of the library are a
// map, which every command would make at its start.
type Request rpc.CriuReqType

// The requests.
const (
	Dump    = Request(rpc.CriuReqType_DUMP)
	Restore = Request(rpc.CriuReqType_RESTORE)
	PreDump = Request(rpc.CriuReqType_PRE_DUMP)
	feature = Request(rpc.CriuReqType_FEATURE_CHECK)
	version = Request(rpc.CriuReqType_VERSION)
)

// String names the request as errors name it.
func (r Request) String() string {
	switch r {
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

// Given is a field of a message: none where v is the zero value. A field that is
// there wins over criu's configuration file, one that is not does not.
func Given[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// question is a request that others may follow.
func question(r Request) *rpc.CriuReq {
	q := &rpc.CriuReq{Type: (*rpc.CriuReqType)(&r), KeepOpen: new(true)}
	if r == feature {
		q.Features = &rpc.CriuFeatures{MemTrack: new(true), LazyPages: new(true)}
	}
	return q
}

// notified is the answer to a notification.
func notified(success bool) *rpc.CriuReq {
	return &rpc.CriuReq{Type: new(rpc.CriuReqType_NOTIFY), NotifySuccess: &success}
}

func parseResponse(b []byte) (*rpc.CriuResp, error) {
	r := &rpc.CriuResp{}
	if err := r.UnmarshalVT(b); err != nil {
		return nil, fmt.Errorf("%w: %w", errMessage, err)
	}
	return r, nil
}

// versionOf gives 31701 for 3.17.1.
func versionOf(r *rpc.CriuResp) int {
	v := r.GetVersion()
	return int(v.GetMajorNumber())*10000 + int(v.GetMinorNumber())*100 + int(v.GetSublevel())
}
