package spec

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
	"github.com/rung-oci/rung/libcontainer/internal/spec/gen/code"
)

func TestGeneratedFileIsFresh(t *testing.T) {
	want, err := code.Decoders()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("decode_gen.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("decode_gen.go is not what the generator writes now: run go generate ./libcontainer/internal/spec")
	}
}

// goodConfigs returns the files of testdata/good by name: what engines and the
// spec command wrote, with ids and paths made neutral.
func goodConfigs(tb testing.TB) map[string][]byte {
	tb.Helper()
	files, err := filepath.Glob("testdata/good/*.json")
	if err != nil || len(files) == 0 {
		tb.Fatal("no testdata/good/*.json", err)
	}
	out := make(map[string][]byte)
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			tb.Fatal(err)
		}
		out[filepath.Base(f)] = raw
	}
	return out
}

// stdDecode decodes with encoding/json what Parse decodes: of the sections for other platforms,
// only whether they are there.
func stdDecode(raw []byte) (*specs.Spec, error) {
	var v struct {
		specs.Spec
		Solaris *struct{} `json:"solaris"`
		Windows *struct{} `json:"windows"`
		VM      *struct{} `json:"vm"`
		ZOS     *struct{} `json:"zos"`
		FreeBSD *struct{} `json:"freebsd"`
	}
	err := json.Unmarshal(raw, &v)
	if v.Solaris != nil {
		v.Spec.Solaris = &specs.Solaris{}
	}
	if v.Windows != nil {
		v.Spec.Windows = &specs.Windows{}
	}
	if v.VM != nil {
		v.Spec.VM = &specs.VM{}
	}
	if v.ZOS != nil {
		v.Spec.ZOS = &specs.ZOS{}
	}
	if v.FreeBSD != nil {
		v.Spec.FreeBSD = &specs.FreeBSD{}
	}
	return &v.Spec, err
}

// same checks that our decoder and encoding/json agree on raw.
func same(t *testing.T, raw []byte) {
	t.Helper()
	want, wantErr := stdDecode(raw)
	got, gotErr := Parse(raw)
	if (wantErr == nil) != (gotErr == nil) {
		t.Fatalf("%.2000q:\nencoding/json: %v\nParse: %v", raw, wantErr, gotErr)
	}
	if wantErr != nil {
		return
	}
	if !reflect.DeepEqual(want, got.Spec) {
		t.Fatalf("%.2000q:\nencoding/json: %s\nParse:         %s", raw, encoded(t, want), encoded(t, got.Spec))
	}
}

// edges are texts on which a decoder could well differ from encoding/json.
var edges = []string{
	`{}`, `null`, ` {} `, `[]`, `"x"`, `1`, `true`, ``, `{`, `{}x`, `{"process":{}}`, "\xef\xbb\xbf{}",
	// null: left alone, or emptied
	`{"ociVersion":null,"process":null,"mounts":null,"annotations":null,"hostname":"x","hostname":null}`,
	`{"process":{"args":[null,"a",null],"terminal":null,"user":null,"oomScoreAdj":null,"capabilities":null}}`,
	`{"linux":{"resources":{"memory":{"limit":null},"rdma":{"a":null,"b":{}},"unified":{"x":null}}}}`,
	`{"mounts":[null,{"destination":"/a"},null]}`, `{"mounts":[]}`, `{"annotations":{}}`, `{"linux":null}`, `{"linux":{}}`,
	// repeated members are decoded over what was there
	`{"process":{"cwd":"/a","args":["x"]},"process":{"terminal":true}}`,
	`{"process":{"cwd":"/a"},"process":null}`, `{"process":null,"process":{"cwd":"/a"}}`,
	`{"annotations":{"a":"1","b":"2"},"annotations":{"b":"3","c":"4"}}`, `{"annotations":{"a":"1"},"annotations":null,"annotations":{"b":"2"}}`,
	`{"process":{"args":["a","b","c"],"args":["d"]}}`, `{"process":{"args":["a","b","c"],"args":["d",null]}}`,
	`{"process":{"args":["a","b","c"],"args":["d"],"args":["e",null,null,null]}}`,
	`{"process":{"args":["a","b","c"],"args":[],"args":[null,null]}}`, `{"process":{"args":["a","b"],"args":null,"args":[null]}}`,
	`{"mounts":[{"destination":"/a","options":["x","y"]},{"source":"s"}],"mounts":[{"type":"t","options":["z",null]}],"mounts":[{},{},{}]}`,
	`{"linux":{"devices":[{"uid":1,"fileMode":2}],"devices":[{"uid":3},{"gid":4}],"devices":[{},{},{"uid":null}]}}`,
	`{"linux":{"netDevices":{"a":{"name":"b"}},"netDevices":{"a":{}}}}`, `{"linux":{"timeOffsets":{"m":{"secs":1},"m":{"nanosecs":2}}}}`,
	// case, exact before folded
	`{"ROOT":{"PATH":"a"},"root":{"Path":"b"}}`, `{"root":{"path":"a","PATH":"b"}}`, `{"LINUX":{"Resources":{"CPU":{"Cpus":"1"},"BlockIO":{"WEIGHT":3}}}}`,
	"{\"hoſtname\":\"long s\",\"proce\u017f\u017f\":{\"args\":[\"x\"]}}", "{\"linux\":{\"ma\u017f\u212aedPaths\":[\"a\"]}}", "{\"ho\\u017ftname\":\"escaped\"}",
	`{"r\u006fot":{"p\u0061th":"x"}}`, "{\"h\xffostname\":1}", `{"hostname ":1}`, `{"":1}`,
	`{"linux":{"resources":{"blockIO":{"weightDevice":[{"major":1,"minor":2,"weight":3,"LeafWeight":4,"MAJOR":5}],"throttleReadBpsDevice":[{"minor":7,"rate":8}]}}}}`,
	// numbers
	`{"process":{"user":{"uid":4294967295}}}`, `{"process":{"user":{"uid":4294967296}}}`, `{"process":{"user":{"uid":-1}}}`, `{"process":{"user":{"uid":-0}}}`,
	`{"process":{"user":{"uid":1.0}}}`, `{"process":{"user":{"uid":1e1}}}`, `{"process":{"user":{"uid":"1"}}}`, `{"process":{"user":{"uid":01}}}`,
	`{"process":{"oomScoreAdj":-9223372036854775808}}`, `{"process":{"oomScoreAdj":-9223372036854775809}}`, `{"process":{"consoleSize":{"height":18446744073709551615}}}`,
	`{"linux":{"resources":{"blockIO":{"weight":65535}}}}`, `{"linux":{"resources":{"blockIO":{"weight":65536}}}}`, `{"process":{"scheduler":{"nice":-2147483649}}}`,
	`{"linux":{"devices":[{"fileMode":4294967295}]}}`, `{"process":{"rlimits":[{"hard":18446744073709551616}]}}`,
	// wrong types
	`{"process":[]}`, `{"process":"x"}`, `{"process":{"args":"x"}}`, `{"process":{"args":{}}}`, `{"process":{"args":[1]}}`, `{"process":{"terminal":"true"}}`, `{"process":{"terminal":0}}`,
	`{"annotations":[]}`, `{"annotations":{"a":1}}`, `{"mounts":{"a":1}}`, `{"mounts":[[]]}`, `{"hostname":{}}`, `{"hostname":true}`, `{"linux":1}`,
	// unknown members are skipped, but must be JSON
	`{"x":[1,{"y":[]}],"z":1e999}`, `{"x":nul}`, `{"x":[}`, `{"x":"\ud83d"}`, `{"x":"\x"}`, `{"x":01}`,
	// sections for other platforms are skipped, but must be objects
	`{"windows":5}`, `{"windows":[]}`, `{"vm":null,"zos":{}}`, `{"WINDOWS":{"layerFolders":5},"freebsd":{},"freebsd":null,"solaris":{"x":{}}}`,
	`{"windows":{"credentialSpec":{"a":[1,"x",null,true,{"b":1e3}]},"layerFolders":[]}}`, `{"windows":{"credentialSpec":null}}`, `{"windows":{"credentialSpec":1,"credentialSpec":{"a":1},"credentialSpec":[2]}}`,
	`{"windows":{"credentialSpec":1e999}}`, `{"windows":{"credentialSpec":{"a":1},"credentialSpec":null}}`, `{"windows":{"credentialSpec":{"a":{"b":1},"a":{"c":2}}}}`,
	// strings
	`{"hostname":"\ud83d\ude00 \ud83d \u0000 \"\\\/\b\f\n\r\t"}`, "{\"hostname\":\"\xff\xfe\xc0\x80\"}", "{\"hostname\":\"a\nb\"}", "{\"annotations\":{\"\xff\":\"1\",\"\xfe\":\"2\"}}", `{"annotations":{"<&>":"\u2028"}}`,
	// commas and colons
	`{"root":{},}`, `{"root" {}}`, `{"root":{} "hostname":""}`, `{"mounts":[{},]}`, `{"mounts":[,]}`, `{,}`, `{"a":1,,"b":2}`,
}

func TestDecode_likeEncodingJSON(t *testing.T) {
	for _, text := range edges {
		same(t, []byte(text))
	}
	for _, raw := range goodConfigs(t) {
		same(t, raw)
	}
	same(t, everything(t))
	for _, depth := range []int{9998, 9999, 10000} {
		same(t, []byte(`{"x":`+strings.Repeat("[", depth)+strings.Repeat("]", depth)+`}`))
	}
}

// everything is a configuration with a value in every field there is.
func everything(tb testing.TB) []byte {
	tb.Helper()
	var s specs.Spec
	n := 0
	var fill func(v reflect.Value)
	fill = func(v reflect.Value) {
		n++
		switch v.Kind() {
		case reflect.Pointer:
			v.Set(reflect.New(v.Type().Elem()))
			fill(v.Elem())
		case reflect.Struct:
			for i := range v.NumField() {
				fill(v.Field(i))
			}
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			fill(v.Index(0))
			fill(v.Index(1))
		case reflect.Map:
			v.Set(reflect.MakeMap(v.Type()))
			for _, k := range []string{"b", "a"} {
				e := reflect.New(v.Type().Elem()).Elem()
				fill(e)
				v.SetMapIndex(reflect.ValueOf(k), e)
			}
		case reflect.String:
			v.SetString("s" + utoa(uint64(n)))
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Interface:
			v.Set(reflect.ValueOf(map[string]any{"k": []any{"v", 1.5, nil, true}}))
		default:
			if v.CanInt() {
				v.SetInt(int64(-n))
			} else {
				v.SetUint(uint64(n))
			}
		}
	}
	fill(reflect.ValueOf(&s).Elem())
	raw, err := json.Marshal(&s)
	if err != nil {
		tb.Fatal(err)
	}
	return raw
}

// TestDecode_mutations changes real configurations member by member: values of
// other types, repeated members, names in other case. A fuzzer of bytes seldom
// gets that far.
func TestDecode_mutations(t *testing.T) {
	rounds := 400
	if testing.Short() {
		rounds = 50
	}
	r := rand.New(rand.NewPCG(1, 2))
	values := []string{`null`, `[]`, `{}`, `0`, `-1`, `1.5`, `70000`, `5000000000`, `99999999999999999999`, `"x"`, `"\ud800"`, `true`, `[null]`, `["a",null,1]`, `{"a":null}`, `{"a":"b"}`, `{"a":{}}`, `[{}]`, `[{},null,{}]`}
	seeds := goodConfigs(t)
	seeds["everything"] = everything(t)
	for name, raw := range seeds {
		text := string(raw)
		var colons []int // after each member name
		s := jsonscan.New(text)
		var walk func()
		walk = func() {
			switch text[s.Start()] {
			case '{':
				for s.Object(); s.Member(); {
					colons = append(colons, s.Offset())
					walk()
				}
			case '[':
				for s.Array(); s.Element(); {
					walk()
				}
			default:
				s.Skip()
			}
		}
		walk()
		if err := s.End(); err != nil {
			t.Fatal(name, err)
		}
		for range rounds {
			at := colons[r.IntN(len(colons))]
			v := jsonscan.New(text[at:])
			old := v.Raw()
			end := at + v.Offset()
			nameStart := strings.LastIndexByte(text[:strings.LastIndexByte(text[:at], '"')], '"')
			member := text[nameStart:at]
			value := values[r.IntN(len(values))]
			if r.IntN(3) == 0 {
				// Another value of the same configuration.
				o := jsonscan.New(text[colons[r.IntN(len(colons))]:])
				value = o.Raw()
			}
			var mutant string
			switch r.IntN(4) {
			case 0:
				mutant = text[:at] + value + text[end:]
			case 1:
				mutant = text[:end] + "," + member + value + text[end:]
			case 2:
				mutant = text[:at] + value + "," + strings.ToUpper(member) + old + text[end:]
			default:
				mutant = text[:end] + "," + member + value + "," + member + old + "," + member + values[r.IntN(len(values))] + text[end:]
			}
			same(t, []byte(mutant))
		}
	}
}

func FuzzDecodeEqual(f *testing.F) {
	for _, text := range edges {
		f.Add([]byte(text))
	}
	for _, raw := range goodConfigs(f) {
		f.Add(raw)
	}
	f.Add(everything(f))
	f.Fuzz(same)
}

// FuzzSpecLoad checks that judging never panics, and that what has no fatal
// problem still has none when it is written and read again.
func FuzzSpecLoad(f *testing.F) {
	for _, text := range edges {
		f.Add([]byte(text))
	}
	for _, raw := range goodConfigs(f) {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		l, err := Parse(raw)
		if err != nil {
			return
		}
		_ = l.Unknown.Error()
		first := Validate(l.Spec, Options{NeedProcess: true})
		_ = Validate(l.Spec, Options{Rootless: true, BundleAbs: "/b"}).Error()
		again, err := Parse([]byte(encoded(t, l.Spec)))
		if err != nil {
			t.Fatalf("written and read again: %v", err)
		}
		if second := Validate(again.Spec, Options{NeedProcess: true}); !reflect.DeepEqual(first, second) {
			t.Fatalf("problems change when written and read again:\n%v\n---\n%v", first, second)
		}
	})
}

func TestParts(t *testing.T) {
	p, unknown, err := ParseProcess([]byte(`{"args":["a"],"cwd":"/","usr":{}}`))
	if err != nil || p.Cwd != "/" || len(unknown) != 1 || unknown[0].Message != "unknown field usr: did you mean user?" {
		t.Errorf("ParseProcess: %v %v %v", p, unknown, err)
	}
	r, _, err := ParseResources([]byte(`{"CPU":{"Cpus":"1"}}`))
	if err != nil || r.CPU == nil || r.CPU.Cpus != "1" {
		t.Errorf("ParseResources: %v %v", r, err)
	}
	if got := encoded(t, r); got != `{"cpu":{"cpus":"1"}}` {
		t.Errorf("ParseResources: %s", got)
	}
	s, _, err := parseSeccomp([]byte(`{"defaultAction":"SCMP_ACT_ALLOW"}`))
	if err != nil || s.DefaultAction != specs.ActAllow {
		t.Errorf("seccomp: %v %v", s, err)
	}
	if _, _, err := ParseProcess([]byte(`{"args":[1]}`)); err == nil || err.Error() != `line 1, column 10: args[0]: want a string, got a number` {
		t.Errorf("ParseProcess error: %v", err)
	}
}

// dockerIndented is Docker's configuration as indented JSON, some 30 KB.
func dockerIndented(tb testing.TB) []byte {
	tb.Helper()
	raw := goodConfigs(tb)["docker.json"]
	return jsonscan.AppendIndent(nil, strings.TrimSpace(string(raw)), "", "    ")
}

func BenchmarkDecodeDocker(b *testing.B) {
	for _, c := range []struct {
		name string
		raw  []byte
	}{{"compact", goodConfigs(b)["docker.json"]}, {"indented", dockerIndented(b)}} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(c.raw)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(c.raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("encoding-json", func(b *testing.B) {
		raw := dockerIndented(b)
		b.SetBytes(int64(len(raw)))
		b.ReportAllocs()
		for b.Loop() {
			var s specs.Spec
			if err := json.Unmarshal(raw, &s); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkValidate(b *testing.B) {
	l, err := Parse(goodConfigs(b)["docker.json"])
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if Validate(l.Spec, Options{NeedProcess: true, BundleAbs: "/b"}).Err() != nil {
			b.Fatal("fatal problems")
		}
	}
}

// FuzzParts is what exec --process and update --resources are given, and the
// profile of a hook: the decoders of the parts agree with encoding/json.
func FuzzParts(f *testing.F) {
	f.Add([]byte(`{"args":["sh","-c","x"],"cwd":"/","env":["A=b"],"user":{"uid":1,"additionalGids":[1,2]},"capabilities":{"bounding":["CAP_KILL"]},"rlimits":[{"type":"RLIMIT_CORE","hard":1,"soft":1}]}`))
	f.Add([]byte(`{"terminal":true,"consoleSize":{"height":1,"width":2},"scheduler":{"policy":"SCHED_FIFO","flags":["SCHED_FLAG_RESET_ON_FORK"]},"ioPriority":{"class":"IOPRIO_CLASS_IDLE"},"execCPUAffinity":{"initial":"0"}}`))
	f.Add([]byte(`{"memory":{"limit":-1,"swap":9223372036854775807},"cpu":{"shares":2,"quota":-1,"cpus":"0-3"},"pids":{"limit":1},"blockIO":{"weight":10,"weightDevice":[{"major":8,"minor":0,"weight":5}]},"devices":[{"allow":true,"type":"c","major":1,"minor":3,"access":"rwm"}]}`))
	f.Add([]byte(`{"unified":{"memory.high":"max"},"rdma":{"mlx5_1":{"hcaHandles":3}},"hugepageLimits":[{"pageSize":"2MB","limit":1}],"network":{"classID":1,"priorities":[{"name":"eth0","priority":1}]}}`))
	f.Add([]byte(`{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":1,"architectures":["SCMP_ARCH_X86"],"syscalls":[{"names":["read"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":18446744073709551615,"op":"SCMP_CMP_EQ"}]}]}`))
	for _, text := range edges {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		samePart(t, raw, ParseProcess)
		if r := samePart(t, raw, ParseResources); r != nil {
			sameResources(t, r)
		}
		samePart(t, raw, parseSeccomp)
	})
}

func parseSeccomp(raw []byte) (*specs.LinuxSeccomp, Problems, error) {
	return parse(raw, decodeLinuxSeccomp)
}

func samePart[T any](t *testing.T, raw []byte, parse func([]byte) (*T, Problems, error)) *T {
	t.Helper()
	want := new(T)
	wantErr := json.Unmarshal(raw, want)
	got, _, gotErr := parse(raw)
	if (wantErr == nil) != (gotErr == nil) {
		t.Fatalf("%T of %.2000q:\nencoding/json: %v\nours: %v", got, raw, wantErr, gotErr)
	}
	if wantErr != nil {
		return nil
	}
	if !reflect.DeepEqual(want, got) {
		t.Fatalf("%T of %.2000q:\nencoding/json: %+v\nours: %+v", got, raw, want, got)
	}
	return got
}

// sameResources checks that AppendResources writes what encoding/json writes.
func sameResources(t *testing.T, r *specs.LinuxResources) {
	t.Helper()
	var std bytes.Buffer
	enc := json.NewEncoder(&std)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		t.Fatal(err)
	}
	if ours := string(AppendResources(nil, r)) + "\n"; ours != std.String() {
		t.Fatalf("AppendResources:\nwant %s\ngot  %s", std.String(), ours)
	}
}

func TestAppendResources(t *testing.T) {
	l, err := Parse(everything(t))
	if err != nil {
		t.Fatal(err)
	}
	sameResources(t, l.Spec.Linux.Resources)
	sameResources(t, &specs.LinuxResources{})
}
