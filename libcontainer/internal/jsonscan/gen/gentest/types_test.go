// Package gentest has a type of every shape that the generator knows, and the
// code that it writes for them, to test one with the other.
package gentest

// Color is a string of its own type.
type Color string

// Base is embedded.
type Base struct {
	Major int64 `json:"major"`
	Minor int64 // named by the field
}

// Opaque is not read.
type Opaque struct{ Text string }

// Shapes has every shape.
type Shapes struct {
	Base
	On       bool              `json:"on"`
	OnOpt    bool              `json:"onOpt"`
	Text     string            `json:"text"`
	Color    Color             `json:"color"`
	I8       int8              `json:"i8"`
	I16      int16             `json:"i16"`
	I32      int32             `json:"i32"`
	I        int               `json:"i"`
	U8       uint8             `json:"u8"`
	U64      uint64            `json:"u64"`
	PInt     *int              `json:"pint"`
	PIntOpt  *int              `json:"pintOpt"`
	PText    *string           `json:"ptext"`
	PColor   *Color            `json:"pcolor"`
	PBase    *Base             `json:"pbase"`
	PSlice   *[]int            `json:"pslice"`
	PP       **int             `json:"pp"`
	Sub      Base              `json:"sub"`
	Ints     []int             `json:"ints"`
	IntsOpt  []int             `json:"intsOpt"`
	Colors   []Color           `json:"colors"`
	Bases    []Base            `json:"bases"`
	PBases   []*Base           `json:"pbases"`
	PInts    []*int            `json:"pints"`
	Nested   [][]string        `json:"nested"`
	Map      map[string]string `json:"map"`
	MapOpt   map[string]int    `json:"mapOpt"`
	MapKey   map[Color]Color   `json:"mapKey"`
	MapBase  map[string]Base   `json:"mapBase"`
	MapPBase map[string]*Base  `json:"mapPBase"`
	MapInts  map[string][]int  `json:"mapInts"`
	MapMap   map[string]map[string]int
	Upper    int     `json:"same"`
	Lower    int     `json:"SAME"`
	Escaped  int     `json:"a.b-c"`
	Self     *Shapes `json:"self"`
	Hull     *Opaque `json:"hull"`
	Hidden   int     `json:"-"`
	//lint:ignore U1000 the generator must pass it over
	private int
}
