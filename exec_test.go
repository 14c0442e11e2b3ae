package main

import (
	"errors"
	"testing"

	"github.com/rung-oci/rung/libcontainer"
)

func TestParseUser(t *testing.T) {
	const none = -1
	for _, tc := range []struct {
		text     string
		uid, gid int64
	}{
		{"0", 0, none},
		{"0:0", 0, 0},
		{"1000", 1000, none},
		{"1000:1001", 1000, 1001},
		{"4294967294:4294967294", 4294967294, 4294967294},
		{"007", 7, none},
	} {
		uid, gid, err := parseUser(tc.text)
		if err != nil || int64(*uid) != tc.uid || (gid == nil) != (tc.gid == none) || gid != nil && int64(*gid) != tc.gid {
			t.Errorf("%q: got %v, %v, %v", tc.text, uid, gid, err)
		}
	}
}

// CVE-2016-3697: a number of an image's passwd is not looked up as a name. CVE-2026-30892: what is no number is not 0.
func TestParseUser_refuses(t *testing.T) {
	for _, text := range []string{
		"", ":", ":0", "0:", "root", "root:root", "0:root", "-1", "+1", "0:+1", "0:-1", " 0", "0 ", "0x10", "0b1", "0o7", "1_000", "1e3", "1.0",
		"4294967295", "0:4294967295", "4294967296", "18446744073709551616", "0:0:0", "0,0", "0\x00", "\u0660",
	} {
		uid, gid, err := parseUser(text)
		if !errors.Is(err, errID) {
			t.Errorf("%q: got %v, %v, error %v", text, uid, gid, err)
		}
		if uid != nil || gid != nil {
			t.Errorf("%q: an id besides the error", text)
		}
	}
}

func TestSubGroup(t *testing.T) {
	for text, want := range map[string]libcontainer.SubGroup{
		"/":             {Path: "/"},
		"a/b":           {Path: "a/b"},
		"cpu:sub":       {Controllers: []string{"cpu"}, Path: "sub"},
		"cpu,cpuacct:x": {Controllers: []string{"cpu", "cpuacct"}, Path: "x"},
		"name:a:b":      {Controllers: []string{"name"}, Path: "a:b"},
	} {
		got := subGroup(text)
		if got.Path != want.Path || len(got.Controllers) != len(want.Controllers) {
			t.Errorf("%q: got %+v, want %+v", text, got, want)
		}
	}
}

func TestExecution_settle_refuses(t *testing.T) {
	for name, o := range map[string]execution{
		"no command":            {},
		"negative preserve-fds": {process: "x", preserve: -1},
		"user":                  {process: "x", user: "root"},
		"group":                 {process: "x", gids: []string{"root"}},
		"empty group":           {process: "x", gids: []string{""}},
		"variable":              {process: "x", env: []string{"=x"}},
		"no variable":           {process: "x", env: []string{""}},
	} {
		if err := o.settle(nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
