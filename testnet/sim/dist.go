package sim

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Dist is a distribution of durations: what a link takes, how long a node
// stays. Its String is what a script line says, and ParseDist reads it back.
type Dist interface {
	Sample(r *Rand) time.Duration
	Median() time.Duration
	String() string
}

// Constant always takes the same time.
type Constant time.Duration

// Uniform takes any time in [Min, Max] alike.
type Uniform struct{ Min, Max time.Duration }

// Lognormal has the long tail of real networks; it is given by two numbers
// people know of a link, its median and its 99th percentile.
type Lognormal struct{ Mid, P99 time.Duration }

// Exponential forgets: the waiting time of Poisson traffic.
type Exponential struct{ Mean time.Duration }

// Weibull describes sessions of peers (shape below one: the longer they have
// stayed, the longer they stay yet); Scale is its 63rd percentile.
type Weibull struct {
	Scale time.Duration
	Shape float64
}

// Empirical draws one of the measured values; sorted, never empty. Its text
// carries them all, so a transcript needs no file beside it.
type Empirical struct{ Values []time.Duration }

// z99 is the 99th percentile of the standard normal distribution.
const z99 = 2.3263478740408408

func (d Constant) Sample(*Rand) time.Duration { return time.Duration(d) }
func (d Constant) Median() time.Duration      { return time.Duration(d) }
func (d Constant) String() string             { return time.Duration(d).String() }

func (d Uniform) Sample(r *Rand) time.Duration {
	if d.Max <= d.Min {
		return d.Min
	}
	return d.Min + time.Duration(r.Float64()*float64(d.Max-d.Min))
}
func (d Uniform) Median() time.Duration { return (d.Min + d.Max) / 2 }
func (d Uniform) String() string        { return fmt.Sprintf("uniform(%v,%v)", d.Min, d.Max) }

func (d Lognormal) Sample(r *Rand) time.Duration {
	sigma := math.Log(float64(d.P99)/float64(d.Mid)) / z99
	// Capped at ten times the 99th percentile: a link that takes an hour is
	// a partition, and partitions are asked for by name.
	return min(time.Duration(float64(d.Mid)*math.Exp(sigma*r.Norm())), 10*d.P99)
}
func (d Lognormal) Median() time.Duration { return d.Mid }
func (d Lognormal) String() string        { return fmt.Sprintf("lognormal(%v,%v)", d.Mid, d.P99) }

func (d Exponential) Sample(r *Rand) time.Duration {
	return time.Duration(float64(d.Mean) * r.Exp())
}
func (d Exponential) Median() time.Duration {
	return time.Duration(float64(d.Mean) * math.Ln2)
}
func (d Exponential) String() string { return fmt.Sprintf("exponential(%v)", d.Mean) }

func (d Weibull) Sample(r *Rand) time.Duration {
	return time.Duration(float64(d.Scale) * math.Pow(r.Exp(), 1/d.Shape))
}
func (d Weibull) Median() time.Duration {
	return time.Duration(float64(d.Scale) * math.Pow(math.Ln2, 1/d.Shape))
}
func (d Weibull) String() string { return fmt.Sprintf("weibull(%v,%v)", d.Scale, d.Shape) }

func (d Empirical) Sample(r *Rand) time.Duration { return d.Values[r.IntN(len(d.Values))] }
func (d Empirical) Median() time.Duration        { return d.Values[len(d.Values)/2] }
func (d Empirical) String() string {
	values := make([]string, len(d.Values))
	for i, v := range d.Values {
		values[i] = v.String()
	}
	return "measured(" + strings.Join(values, ",") + ")"
}

// ReadCSV takes the last column of each line as a duration: "60ms", or a bare
// number of milliseconds. A first line that is neither is a heading. Of more
// than maxMeasured values that many quantiles are kept.
func ReadCSV(name string, r io.Reader) (Empirical, error) {
	var d Empirical
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		field := strings.TrimSpace(text[strings.LastIndexByte(text, ',')+1:])
		v, err := parseDuration(field)
		switch {
		case err == nil && v >= 0:
			d.Values = append(d.Values, v)
		case n > 1:
			return Empirical{}, fmt.Errorf("%s:%d: %q is no duration: write 60ms or 60", name, n, field)
		}
		if len(d.Values) > maxCSV {
			return Empirical{}, fmt.Errorf("%s: more than %d values", name, maxCSV)
		}
	}
	if err := lines.Err(); err != nil {
		return Empirical{}, err
	}
	if len(d.Values) == 0 {
		return Empirical{}, fmt.Errorf("%s: no values", name)
	}
	slices.Sort(d.Values)
	if n := len(d.Values); n > maxMeasured {
		thin := make([]time.Duration, maxMeasured)
		for i := range thin {
			thin[i] = d.Values[(2*i+1)*n/(2*maxMeasured)]
		}
		d.Values = thin
	}
	return d, nil
}

func parseDuration(s string) (time.Duration, error) {
	if ms, err := strconv.ParseFloat(s, 64); err == nil {
		return time.Duration(ms * float64(time.Millisecond)), nil
	}
	return time.ParseDuration(s)
}

func parseMeasured(args []string) (Dist, error) {
	var d Empirical
	for _, a := range args {
		v, err := parseDuration(a)
		if err != nil || v < 0 || len(args) > maxMeasured {
			return nil, fmt.Errorf("measured: %q is no duration, or there are more than %d", a, maxMeasured)
		}
		d.Values = append(d.Values, v)
	}
	slices.Sort(d.Values)
	return d, nil
}

// ParseDist reads what String writes: 20ms, uniform(10ms,2s),
// lognormal(60ms,400ms), exponential(2s), weibull(4m,0.6).
func ParseDist(s string) (Dist, error) {
	name, rest, call := strings.Cut(s, "(")
	if !call {
		v, err := parseDuration(s)
		if err != nil || v < 0 {
			return nil, fmt.Errorf("%q is no duration: write 20ms or lognormal(60ms,400ms)", s)
		}
		return Constant(v), nil
	}
	args := strings.Split(strings.TrimSuffix(rest, ")"), ",")
	if name == "measured" {
		return parseMeasured(args)
	}
	want := map[string]int{"uniform": 2, "lognormal": 2, "exponential": 1, "weibull": 2}[name]
	if want == 0 || len(args) != want {
		return nil, fmt.Errorf("%q: want uniform(a,b), lognormal(median,p99), exponential(mean), weibull(scale,shape) or measured(a,b,…)", s)
	}
	var v [2]time.Duration
	for i, arg := range args {
		if name == "weibull" && i == 1 {
			break
		}
		var err error
		if v[i], err = parseDuration(strings.TrimSpace(arg)); err != nil || v[i] < 0 {
			return nil, fmt.Errorf("%q: %q is no duration", s, arg)
		}
	}
	switch name {
	case "uniform":
		return Uniform{v[0], v[1]}, nil
	case "exponential":
		return Exponential{v[0]}, nil
	case "weibull":
		shape, err := strconv.ParseFloat(strings.TrimSpace(args[1]), 64)
		if err != nil || shape <= 0 {
			return nil, fmt.Errorf("%q: the shape is a number above zero", s)
		}
		return Weibull{v[0], shape}, nil
	}
	if v[0] <= 0 || v[1] < v[0] {
		return nil, fmt.Errorf("%q: the median is above zero and not above the 99th percentile", s)
	}
	return Lognormal{v[0], v[1]}, nil
}
