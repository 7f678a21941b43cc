// Prints apiserver/protobuf_fields.txt from the struct tags of Kubernetes' Go types, which are where its protobuf numbers come from.
package main

import (
	"fmt"
	"maps"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"

	apiextensions "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// Types whose messages are not what their fields say, and which the reader knows by name.
var special = []string{
	"meta.v1.Time", "meta.v1.MicroTime", "api.resource.Quantity", "util.intstr.IntOrString",
	"runtime.RawExtension", "meta.v1.FieldsV1", "apiextensions.v1.JSON",
}

var lines = map[string]string{}

func name(kind reflect.Type) string {
	folder := kind.PkgPath()
	if last := path.Base(folder); last == "runtime" {
		return last + "." + kind.Name()
	}
	return path.Base(path.Dir(folder)) + "." + path.Base(folder) + "." + kind.Name()
}

func scalar(kind reflect.Type) string {
	switch kind.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "bool"
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint8, reflect.Uint32, reflect.Uint64:
		return "int"
	case reflect.Float64:
		return "double"
	default:
		return ""
	}
}

// typed is how a field's type is written; always says that its zero is a value.
func typed(kind reflect.Type, always bool) string {
	switch {
	case scalar(kind) != "" && always:
		return "*" + scalar(kind)
	case scalar(kind) != "":
		return scalar(kind)
	case kind.Kind() == reflect.Pointer:
		return typed(kind.Elem(), true)
	case kind.Kind() == reflect.Slice && kind.Elem().Kind() == reflect.Uint8:
		return "bytes"
	case kind.Kind() == reflect.Slice && kind.Name() == "ExtraValue":
		lines[name(kind)] = "1 items []string"
		return name(kind)
	case kind.Kind() == reflect.Slice:
		return "[]" + typed(kind.Elem(), false)
	case kind.Kind() == reflect.Map:
		return "{}" + typed(kind.Elem(), false)
	default:
		visit(kind)
		return name(kind)
	}
}

func visit(kind reflect.Type) {
	if _, done := lines[name(kind)]; done || slices.Contains(special, name(kind)) {
		return
	}
	lines[name(kind)] = "" // a schema contains schemas
	fields := map[int]string{}
	for i := range kind.NumField() {
		field := kind.Field(i)
		wire := strings.Split(field.Tag.Get("protobuf"), ",")
		if len(wire) < 2 {
			continue
		}
		json := strings.Split(field.Tag.Get("json"), ",")
		called := json[0]
		if slices.Contains(json, "inline") || called == "" && field.Anonymous {
			called = "-"
		} else if called == "" {
			called = strings.TrimPrefix(wire[3], "name=")
		}
		always := !slices.Contains(json, "omitempty")
		number, err := strconv.Atoi(wire[1])
		if err != nil {
			panic(err)
		}
		fields[number] = wire[1] + " " + called + " " + typed(field.Type, always)
	}
	var inOrder []string
	for _, number := range slices.Sorted(maps.Keys(fields)) {
		inOrder = append(inOrder, fields[number])
	}
	lines[name(kind)] = strings.Join(inOrder, ", ")
}

func main() {
	if err := apiextensions.AddToScheme(scheme.Scheme); err != nil {
		panic(err)
	}
	for _, version := range scheme.Scheme.PrioritizedVersionsAllGroups() {
		if version.Version != "v1" && version.Version != "v2" && version != (schema.GroupVersion{Group: "policy", Version: "v1beta1"}) {
			continue
		}
		for kind, found := range scheme.Scheme.KnownTypes(version) {
			if !strings.HasSuffix(kind, "List") && found.Kind() == reflect.Struct && kind != "WatchEvent" {
				visit(found)
			}
		}
	}
	for _, found := range slices.Sorted(maps.Keys(lines)) {
		fmt.Println(strings.TrimRight(found+": "+lines[found], " "))
	}
}
