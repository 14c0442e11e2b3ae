package jsonscan_test

import (
	"fmt"

	"github.com/rung-oci/rung/libcontainer/internal/jsonscan"
)

type record struct {
	ID          string
	Pid         int
	Annotations map[string]string
}

func decode(text string) (record, error) {
	var r record
	s := jsonscan.New(text)
	if s.Object() {
		for s.Member() {
			switch s.Name() {
			case "id":
				if v, ok := s.String(); ok {
					r.ID = v
				}
			case "pid":
				if v, ok := s.Int(64); ok {
					r.Pid = int(v)
				}
			case "annotations":
				r.Annotations, _ = s.StringMap()
			default:
				s.Skip()
			}
		}
	}
	return r, s.End()
}

func encode(dst []byte, r *record) []byte {
	dst = append(dst, '{')
	dst = jsonscan.AppendString(jsonscan.AppendKey(dst, "id"), r.ID)
	dst = jsonscan.AppendInt(jsonscan.AppendKey(dst, "pid"), int64(r.Pid))
	dst = jsonscan.AppendStringMap(jsonscan.AppendKey(dst, "annotations"), r.Annotations)
	return append(dst, '}')
}

func Example() {
	r, err := decode(`{"id": "web", "new": [1, 2], "pid": 42, "annotations": {"b": "2", "a": "1"}}`)
	fmt.Println(r, err)
	fmt.Println(string(encode(nil, &r)))

	_, err = decode("{\n  \"id\": \"web\",\n  \"pid\": \"42\"\n}")
	fmt.Println(err)
	// Output:
	// {web 42 map[a:1 b:2]} <nil>
	// {"id":"web","pid":42,"annotations":{"a":"1","b":"2"}}
	// line 3, column 10: pid: want an integer, got a string
}
