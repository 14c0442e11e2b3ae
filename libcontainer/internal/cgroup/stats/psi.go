package stats

import "strconv"

// Pressure is one line of a pressure file (Documentation/accounting/psi.rst):
// the part of the time, in percent of the last 10, 60 and 300 seconds, and the
// whole in microseconds.
type Pressure struct {
	Avg10, Avg60, Avg300 float64
	Total                uint64
}

// PSI is how long some, or all, processes have waited for a resource.
type PSI struct{ Some, Full Pressure }

// Pressure reads the pressure file of "cpu", "memory" or "io"; nil where the kernel does not measure it.
func (d *Dir) Pressure(of string) *PSI {
	text := d.read(of + ".pressure")
	if text == "" {
		return nil
	}
	var p PSI
	nested(text, func(key, sub, value string) {
		line := &p.Some
		switch key {
		case "some":
		case "full":
			line = &p.Full
		default:
			return
		}
		switch sub {
		case "avg10":
			line.Avg10, _ = strconv.ParseFloat(value, 64)
		case "avg60":
			line.Avg60, _ = strconv.ParseFloat(value, 64)
		case "avg300":
			line.Avg300, _ = strconv.ParseFloat(value, 64)
		case "total":
			line.Total = parse(value)
		}
	})
	return &p
}
