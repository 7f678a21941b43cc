// Runs a controller on controller-runtime against the API server of a kubeconfig: it keeps a copy of each ConfigMap that asks for one.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

const (
	namespace = "default"
	finalizer = "example.com/copied"
	index     = "data.copy"
	patience  = 30 * time.Second
)

type copier struct{ client.Client }

// Reconcile makes the copy, and takes it away before the original may go.
func (c *copier) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	original := &core.ConfigMap{}
	if err := c.Get(ctx, request.NamespacedName, original); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if original.Data["copy"] == "" {
		return ctrl.Result{}, nil
	}
	copied := &core.ConfigMap{ObjectMeta: meta.ObjectMeta{Namespace: original.Namespace, Name: original.Data["copy"]}}
	if !original.DeletionTimestamp.IsZero() {
		if err := client.IgnoreNotFound(c.Delete(ctx, copied)); err != nil {
			return ctrl.Result{}, err
		}
		before := original.DeepCopy()
		controllerutil.RemoveFinalizer(original, finalizer)
		return ctrl.Result{}, c.Patch(ctx, original, client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{}))
	}
	if controllerutil.AddFinalizer(original, finalizer) {
		return ctrl.Result{}, c.Update(ctx, original)
	}
	_, err := controllerutil.CreateOrUpdate(ctx, c.Client, copied, func() error {
		copied.Data = map[string]string{"text": original.Data["text"]}
		return controllerutil.SetControllerReference(original, copied, c.Scheme())
	})
	return ctrl.Result{}, err
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

func run(kubeconfig string) error {
	log.SetLogger(klog.Background())
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	manager, err := ctrl.NewManager(config, ctrl.Options{
		Metrics: server.Options{BindAddress: "0"}, LeaderElection: true, LeaderElectionID: "copier",
		LeaderElectionNamespace: namespace, LeaderElectionReleaseOnCancel: true,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	byCopy := func(object client.Object) []string { return []string{object.(*core.ConfigMap).Data["copy"]} }
	if err := manager.GetFieldIndexer().IndexField(ctx, &core.ConfigMap{}, index, byCopy); err != nil {
		return err
	}
	controller := ctrl.NewControllerManagedBy(manager).For(&core.ConfigMap{}).Owns(&core.ConfigMap{})
	if err := controller.Complete(&copier{manager.GetClient()}); err != nil {
		return err
	}
	ended := make(chan error, 1)
	running, stop := context.WithCancel(ctx)
	go func() { ended <- manager.Start(running) }()
	select {
	case <-manager.Elected():
	case err := <-ended:
		return err
	}
	err = use(ctx, manager.GetClient())
	stop()
	if end := <-ended; err == nil {
		err = end
	}
	return err
}

func use(ctx context.Context, kube client.Client) error {
	original := &core.ConfigMap{ObjectMeta: meta.ObjectMeta{Namespace: namespace, Name: "original"},
		Data: map[string]string{"copy": "copied", "text": "one"}}
	if err := kube.Create(ctx, original); err != nil {
		return err
	}
	if err := says(ctx, kube, "one"); err != nil {
		return err
	}
	fmt.Println("ok: copied")
	before := original.DeepCopy()
	original.Data["text"] = "two"
	if err := kube.Patch(ctx, original, client.MergeFrom(before)); err != nil {
		return err
	}
	if err := says(ctx, kube, "two"); err != nil {
		return err
	}
	fmt.Println("ok: followed")
	found := &core.ConfigMapList{}
	if err := kube.List(ctx, found, client.MatchingFields{index: "copied"}); err != nil || len(found.Items) != 1 {
		return fmt.Errorf("found %d by index, %v", len(found.Items), err)
	}
	spoilt := &core.ConfigMap{ObjectMeta: meta.ObjectMeta{Namespace: namespace, Name: "copied"}}
	if err := kube.Delete(ctx, spoilt); err != nil {
		return err
	}
	if err := says(ctx, kube, "two"); err != nil {
		return err
	}
	fmt.Println("ok: made anew")
	if err := kube.Delete(ctx, original); err != nil {
		return err
	}
	for _, name := range []string{"original", "copied"} {
		if err := eventually(ctx, func() error {
			err := kube.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &core.ConfigMap{})
			if errors.IsNotFound(err) {
				return nil
			}
			return fmt.Errorf("%s is still there, %v", name, err)
		}); err != nil {
			return err
		}
	}
	fmt.Println("ok: finalized")
	return nil
}

func says(ctx context.Context, kube client.Client, text string) error {
	return eventually(ctx, func() error {
		found := &core.ConfigMap{}
		if err := kube.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "copied"}, found); err != nil {
			return err
		}
		if found.Data["text"] != text || !found.DeletionTimestamp.IsZero() {
			return fmt.Errorf("the copy says %q", found.Data["text"])
		}
		return nil
	})
}

// eventually looks again until there is nothing to complain of.
func eventually(ctx context.Context, look func() error) error {
	for {
		last := look()
		if last == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("in vain: %w", last)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
