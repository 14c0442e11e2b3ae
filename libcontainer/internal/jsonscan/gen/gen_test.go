package gen

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

type inner struct{ A, B int }

type sample struct {
	inner
	Name  string            `json:"name"`
	Sub   *inner            `json:"sub,omitempty"`
	List  []inner           `json:"list"`
	Names map[string]string `json:"names"`
	Skip  int               `json:"-"`
	//lint:ignore U1000 the generator must pass it over
	any int
}

func generate(t reflect.Type) (string, error) {
	src, err := Generate(Config{Package: "p", Scan: "example.com/jsonscan", Roots: []reflect.Type{t}})
	return string(src), err
}

func TestGenerate_sample(t *testing.T) {
	src, err := generate(reflect.TypeFor[sample]())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"func decodeSample(", "func decodeInner(", `fieldsInner = jsonscan.Fields{"A", "B"}`, "jsonscan.Signed(s, &v.A)"} {
		if !strings.Contains(src, want) {
			t.Errorf("no %q in\n%s", want, src)
		}
	}
	if strings.Contains(src, `"Skip"`) || strings.Contains(src, "v.any") {
		t.Errorf("hidden fields are decoded:\n%s", src)
	}
	again, _ := generate(reflect.TypeFor[sample]())
	if again != src {
		t.Error("two runs differ")
	}
}

func TestGenerate_refuses(t *testing.T) {
	for _, c := range []struct {
		name string
		typ  reflect.Type
	}{
		{"bytes", reflect.TypeFor[struct{ V []byte }]()},
		{"float", reflect.TypeFor[struct{ V float64 }]()},
		{"array", reflect.TypeFor[struct{ V [2]int }]()},
		{"own methods", reflect.TypeFor[struct{ V time.Time }]()},
		{"integer keys", reflect.TypeFor[struct{ V map[int]string }]()},
		{"string option", reflect.TypeFor[struct {
			V int `json:",string"`
		}]()},
		{"embedded pointer", reflect.TypeFor[struct{ *inner }]()},
		{"two of a name", reflect.TypeFor[struct {
			inner
			A int
		}]()},
		{"interface", reflect.TypeFor[struct{ V any }]()},
		{"channel", reflect.TypeFor[struct{ V chan int }]()},
		{"unnamed struct", reflect.TypeFor[struct{ V struct{ W int } }]()},
	} {
		t.Run(c.name, func(t *testing.T) {
			if src, err := generate(c.typ); err == nil {
				t.Errorf("no error, but\n%s", src)
			}
		})
	}
}
